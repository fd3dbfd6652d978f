import Testing
@testable import SottoTLS
import SottoTestCertificates
@Test func placeholder() throws { _ = try TestAuthority() }
