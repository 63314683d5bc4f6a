package guest_test

import (
	"fmt"
	"strconv"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// sweep fires when an actor reads many different secrets.
type sweep struct{}

func (sweep) Info() sdk.RuleInfo {
	reads := map[string]string{"mcp_method": "tools/call", "tool": "read_secret"}
	return sdk.RuleInfo{
		ID: "VAULT_SWEEP", Title: "Secrets read one after another", Severity: sdk.SeverityHigh,
		Fields:  []string{"mcp_method", "tool"},
		Windows: []sdk.Window{{Name: "reads_5m", By: "actor", Over: "5m", Distinct: "args.path", Where: reads}},
		Gate:    sdk.Gate{When: reads, AtLeast: map[string]float64{"reads_5m": 3}},
	}
}

func (sweep) Evaluate(in *sdk.Evaluation) []sdk.Hit {
	n := in.Windows["reads_5m"].N
	if n < 3 {
		return nil
	}
	return []sdk.Hit{{Count: n, Reason: strconv.Itoa(n) + " different secrets within five minutes"}}
}

// A whole rule pack. In a guest's main package, guest.Rules("vault-rules", "1.0.0",
// sweep{}) stands in place of RulesHandler.
func ExampleRulesHandler() {
	handle := guest.RulesHandler("vault-rules", "1.0.0", sweep{})
	fmt.Printf("%s\n", handle([]byte(`{"abi":1,"op":"evaluate","rules":[0],
		"event":{"mcp_method":"tools/call","tool":"read_secret"},"windows":{"reads_5m":{"n":3,"values":["a","b","c"]}}}`)))
	// Output:
	// {"hits":[{"rule":"VAULT_SWEEP","reason":"3 different secrets within five minutes","count":3}]}
}
