package report

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// helpBase is where the ids of findings are explained.
const helpBase = "https://github.com/killdeer-mcp/killdeer/blob/main/docs/audit.md#"

// rule is what a report says of an id, whatever was found.
type rule struct {
	name, text    string
	owasp, attack []string
}

// rules are the ids of findings. An id is never used again for something else.
var rules = map[string]rule{
	"AUD-C01": {"CanaryRead", "Reads a planted secret that nothing asked for", ow(1), at("T1552.001", "T1552.004")},
	"AUD-C02": {"CanaryLeavesByNetwork", "Sends bytes of a planted secret over the network", ow(1, 10), at("T1041", "T1048.003")},
	"AUD-C03": {"CanaryInDNS", "Puts a planted secret into names that it looks up", ow(1), at("T1071.004", "T1048.003")},
	"AUD-C04": {"CanaryInResult", "Puts a planted secret into a result, resource or prompt", ow(1, 10), at("T1552.001")},
	"AUD-C05": {"CanaryToFileOrSocket", "Hands a planted secret to a file or another process", ow(1), at("T1552.001")},
	"AUD-C06": {"EnvironmentCanaryLeaves", "Sends a planted environment variable away", ow(1), at("T1041")},
	"AUD-N01": {"UndeclaredHost", "Talks to a host that it does not declare", ow(2, 8), at("T1041")},
	"AUD-N02": {"ClosedWorldEgress", "A tool that claims a closed world uses the network", ow(2), nil},
	"AUD-N03": {"RawAddress", "Talks to an address without a name", ow(2), at("T1571")},
	"AUD-N04": {"Listener", "Listens for connections", ow(2), at("T1571")},
	"AUD-N05": {"IdleEgress", "Uses the network while nothing was asked of it, or after its exit", ow(2, 8), at("T1041")},
	"AUD-N06": {"AgentSocket", "Connects to the socket of an agent or of a container engine", ow(2, 7), nil},
	"AUD-N07": {"CloudMetadata", "Asks a cloud's metadata service", ow(1, 2), nil},
	"AUD-F01": {"WriteOutsideScope", "Writes outside of what it was given", ow(2), nil},
	"AUD-F02": {"PersistenceTarget", "Writes to a file that makes code run later", ow(2), at("T1053.003", "T1546.004", "T1543.002")},
	"AUD-F03": {"ReadOnlyToolWrites", "A tool that claims to be read-only changes files", ow(2), nil},
	"AUD-F04": {"NonDestructiveToolDeletes", "A tool that claims not to be destructive deletes files", ow(2), nil},
	"AUD-F05": {"SecretStoreEnumeration", "Looks through places where secrets are kept", ow(1), at("T1552.001")},
	"AUD-X01": {"UndeclaredExec", "Starts a program that it does not declare", ow(2, 5), at("T1059")},
	"AUD-X02": {"ArgumentExecuted", "Executes an argument as code", ow(5), at("T1059")},
	"AUD-X03": {"SurvivesShutdown", "Leaves a process behind", ow(2), at("T1543.002")},
	"AUD-X04": {"CodeInjected", "Brings code into another program", ow(2), at("T1574.006")},
	"AUD-X05": {"PrivilegeCalls", "Tries to gain privileges", ow(2), nil},
	"AUD-X06": {"DownloadAndRun", "Runs what it downloaded", ow(4, 5), at("T1059")},
	"AUD-M01": {"HiddenCharacters", "Has characters in its texts that nobody sees", ow(3, 6), nil},
	"AUD-M02": {"InstructionsToModel", "Has instructions to the model in its texts", ow(3, 6), nil},
	"AUD-M03": {"ShadowsTool", "Speaks for the tools of another server", ow(3, 9), nil},
	"AUD-M04": {"DriftInSession", "Changes what it declares within a session", ow(3), nil},
	"AUD-M05": {"DriftByClient", "Declares other things to other clients", ow(3), at("T1497.001")},
	"AUD-M06": {"DriftFromLock", "Is not what the lock pins", ow(3, 4), nil},
	"AUD-M07": {"InjectionInResult", "Has instructions to the model in a result", ow(6), nil},
	"AUD-M08": {"LookAlikeName", "Has a name that looks like another one", ow(3, 9), nil},
	"AUD-M09": {"OverBroadArguments", "Requires arguments that ask for context or secrets", ow(2, 10), nil},
	"AUD-M10": {"UnsolicitedRequest", "Asks the client for secrets on its own", ow(6, 10), nil},
	"AUD-E01": {"LooksForTracer", "Looks for a tracer or a sandbox", nil, at("T1497.001", "T1622")},
	"AUD-E02": {"DiffersUntraced", "Acts otherwise when no tracer looks on", nil, at("T1622")},
	"AUD-E03": {"TimeTriggered", "Acts only later", nil, at("T1497.003")},
	"AUD-E04": {"CountTriggered", "Acts only after some calls", nil, at("T1497.003")},
	"AUD-E05": {"InputTriggered", "Acts only on certain arguments", nil, nil},
	"AUD-E06": {"IoUring", "Tries io_uring, which hides what it does", nil, nil},
	"AUD-E07": {"LogTampering", "Changes logs or histories", ow(8), nil},
	"AUD-R01": {"ResourceAbuse", "Takes far more of the machine than its work needs", ow(2), nil},
	"AUD-S01": {"InstallScripts", "Runs scripts when it is installed", ow(4), nil},
	"AUD-S02": {"UnpinnedDependencies", "Brings dependencies that are not pinned", ow(4), nil},
	"AUD-T01": {"TracerDied", "The tracer ended before the server", nil, nil},
	"AUD-T02": {"InitTimeout", "The server did not initialize in time", nil, nil},
	"AUD-T03": {"NonJSONOutput", "The server prints lines that are no JSON", nil, nil},
	"AUD-T04": {"ToolNeverSucceeded", "A tool never succeeded", nil, nil},
	"AUD-T05": {"LowCoverage", "Little of the server was exercised", nil, nil},
	"AUD-T06": {"ObservationsLost", "Observations were lost", nil, nil},
}

func at(ids ...string) []string { return ids }

// owasp are the entries of the OWASP MCP Top 10.
var owasp = []string{
	"MCP01 secrets", "MCP02 scope creep", "MCP03 tool poisoning", "MCP04 supply chain", "MCP05 command injection",
	"MCP06 context injection", "MCP07 authentication", "MCP08 telemetry", "MCP09 shadow servers", "MCP10 over-sharing",
}

func ow(numbers ...int) []string {
	ids := make([]string, len(numbers))
	for i, n := range numbers {
		ids[i], _, _ = strings.Cut(owasp[n-1], " ")
	}
	return ids
}

// IDs are the ids of findings, sorted.
func IDs() []string { return slices.Sorted(maps.Keys(rules)) }

// Describe says what an id stands for, or "" of one that is not known.
func Describe(id string) string { return rules[id].text }

func ruleOf(id, title string) rule {
	r, ok := rules[id]
	if !ok {
		r = rule{name: strings.ReplaceAll(id, "-", ""), text: cmp.Or(title, id)}
	}
	return r
}
