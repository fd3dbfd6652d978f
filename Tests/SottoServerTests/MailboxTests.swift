import Testing

@testable import SottoServer

/// The recorder's row of messages.
@Suite struct MailboxTests {
    @Test func readerGetsEverythingAndTheLastWord() async {
        let mailbox = Mailbox<Int, String>(limit: 4)
        #expect([1, 2, 3, 4].map { mailbox.send($0) } == [false, false, false, false])
        mailbox.close("over")
        var read: [Int] = []
        for await message in mailbox.messages { read.append(message) }
        #expect(read == [1, 2, 3, 4])
        #expect(mailbox.last == "over")
        #expect(!mailbox.isBroken)
    }

    @Test func fullMailboxHasNoHolesAndEndsAllTheSame() async {
        let mailbox = Mailbox<Int, String>(limit: 2)
        #expect([1, 2, 3, 4].map { mailbox.send($0) } == [false, false, true, false])
        var messages = mailbox.messages.makeAsyncIterator()
        #expect(await messages.next() == 1)
        // Room again; but something is missing before it.
        #expect(!mailbox.send(5))
        mailbox.close("over")
        #expect(await messages.next() == 2)
        #expect(await messages.next() == nil)
        #expect(mailbox.last == "over")
        #expect(mailbox.isBroken)
    }
}
