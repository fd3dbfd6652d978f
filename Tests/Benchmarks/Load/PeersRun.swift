enum PeersRun { static func run(_ arguments: Arguments) async throws {} }
