enum DefenceRun { static func run(_ arguments: Arguments) async throws {} }
