// expected: 'let' property 'content' may not be initialized directly
import SottoBase

extension Masked {
    init(laundered content: Content) { self.content = content }
}
