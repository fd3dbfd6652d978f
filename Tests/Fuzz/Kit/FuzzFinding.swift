/// A property that did not hold for an input. The input is a test's own, so naming it is no leak.
public struct FuzzFinding: Error, Equatable, CustomStringConvertible {
    public let property: String
    public var description: String { property }

    public init(property: String) { self.property = property }
}
