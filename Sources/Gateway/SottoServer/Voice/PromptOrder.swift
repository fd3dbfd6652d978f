internal import Dialogue
internal import SottoBase

/// One prompt is spoken at a time. The call's own (consent) and the dialogue's wait for each other; of the same side the later one
/// replaces the one before, whose time is over.
struct PromptOrder: Equatable {
    struct Prompt: Equatable {
        var number: UInt32
        var text: Masked<String>

        /// The call chose the prompts with lower numbers, the dialogue the others.
        var isOfDialogue: Bool { number >= Conversation.firstPrompt }
    }

    private(set) var current: Prompt?
    /// One of the other side.
    private var waiting: Prompt?

    /// The prompt if it is to be spoken now.
    mutating func add(_ prompt: Prompt) -> Prompt? {
        if let current, current.isOfDialogue != prompt.isOfDialogue {
            waiting = prompt
            return nil
        }
        current = prompt
        return prompt
    }

    /// A prompt was heard or cannot be; the one that is to be spoken next.
    mutating func ended(_ number: UInt32) -> Prompt? {
        guard current?.number == number else { return nil }
        current = waiting
        waiting = nil
        return current
    }

    /// The call's prompt is not wanted any more. `isCut`: it was being spoken; `next` is to be spoken now.
    mutating func stopCall() -> (isCut: Bool, next: Prompt?) {
        if let waiting, !waiting.isOfDialogue { self.waiting = nil }
        guard let current, !current.isOfDialogue else { return (false, nil) }
        self.current = waiting
        waiting = nil
        return (true, self.current)
    }
}
