public import ArgumentParser
public import SottoBase

extension CallID: @retroactive ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

extension TenantName: @retroactive ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}
