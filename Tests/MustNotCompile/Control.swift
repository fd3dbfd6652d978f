// Must compile: a room without package access stores clear content, passes its handle on, reads what is masked, and prints what it likes.
import SottoBase

func carry(_ bytes: UnsafeRawBufferPointer, owner: CallID) -> Clear<PlainText>? {
    let clear = ClearArena.words.store(bytes, owner: owner, as: PlainText.self)
    print(clear as Any)
    return clear
}

func show(_ masked: Masked<String>) -> String { masked.content }

func listen(_ grant: borrowing BoundaryGrant, _ clear: Clear<PlainText>) -> Int? {
    ClearArena.words.withBoundary(grant, clear) { $0.count }
}
