package guest

import (
	"strconv"

	"github.com/killdeer-mcp/killdeer/sdk"
)

// Fake returns a placeholder for the n-th value of a kind from the deployment's
// world: org_name, org_domain, person_name, login, email, hostname and others, see
// docs/guest-abi.md. The host fills it in where it stands in an answer to this
// call.
func Fake(c *sdk.Call, kind string, n uint32) string {
	return placeholder(c, "fake", kind, strconv.FormatUint(uint64(n), 10))
}

// Canary returns a placeholder for a honeytoken: a credential of a kind that the
// host mints for whoever sees it, one for each label.
func Canary(c *sdk.Call, kind, label string) string {
	return placeholder(c, "canary", kind, label)
}

func placeholder(c *sdk.Call, form, kind, label string) string {
	return "{{" + c.Mark + ":" + form + ":" + kind + ":" + label + "}}"
}
