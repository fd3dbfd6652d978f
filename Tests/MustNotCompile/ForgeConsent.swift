// expected: 'ConsentGrant' initializer is inaccessible due to 'package' protection level
import SottoBase

func grant(_ call: CallID, _ tenant: TenantName) -> ConsentGrant {
    ConsentGrant(
        call: call, tenant: tenant, uses: .recording, policyVersion: "1", rule: "mine", basis: "key", grantedAt: WallTime(milliseconds: 0))
}
