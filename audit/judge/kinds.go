package judge

import "github.com/killdeer-mcp/killdeer/sdk"

// kind is what all findings of one id have in common. The taxonomies are the OWASP
// MCP Top 10 and MITRE ATT&CK.
type kind struct {
	severity sdk.Severity
	owasp    []string
	attack   []string
	fix      string
}

const (
	critical = sdk.SeverityCritical
	high     = sdk.SeverityHigh
	medium   = sdk.SeverityMedium
	low      = sdk.SeverityLow
	info     = sdk.SeverityInfo
)

func of(s sdk.Severity, fix string, owasp, attack []string) kind { return kind{s, owasp, attack, fix} }

var kinds = map[string]kind{
	"AUD-C01": of(high, "ask the author why the file is read, or run the server without it in reach", []string{"MCP01", "MCP10"}, []string{"T1552.001"}),
	"AUD-C02": of(critical, "do not run this server where secrets are in reach; rotate what it could read", []string{"MCP01", "MCP08"}, []string{"T1041", "T1552.001"}),
	"AUD-C03": of(critical, "do not run this server where secrets are in reach; restrict its DNS", []string{"MCP01"}, []string{"T1048.003", "T1071.004"}),
	"AUD-C04": of(high, "a result goes to the model and its provider: keep the secret out of the server's reach", []string{"MCP01", "MCP10"}, []string{"T1552.001"}),
	"AUD-C05": of(critical, "find the reader of that file or socket; keep the secret out of the server's reach", []string{"MCP01"}, []string{"T1074.001"}),
	"AUD-C06": of(critical, "give the server only the variables that it needs", []string{"MCP01"}, []string{"T1041", "T1552.001"}),

	"AUD-N01": of(medium, "declare the host in the description or server.json, or allow it: [allow] net", []string{"MCP02", "MCP08"}, []string{"T1071.001"}),
	"AUD-N02": of(high, "correct the claim, or the tool", []string{"MCP02", "MCP08"}, []string{"T1071.001"}),
	"AUD-N03": of(high, "ask the author whose address it is; allow it if it is yours: [allow] net", []string{"MCP02", "MCP09"}, []string{"T1571", "T1095"}),
	"AUD-N04": of(high, "bind to 127.0.0.1, or declare the listener", []string{"MCP07", "MCP09"}, []string{"T1571"}),
	"AUD-N05": of(high, "declare what is sent while nothing is asked of the server, or allow the host", []string{"MCP08"}, []string{"T1029", "T1071.001"}),
	"AUD-N06": of(high, "run the server without the agent's socket in reach", []string{"MCP02"}, []string{"T1552.004"}),
	"AUD-N07": of(high, "block the metadata service for this server", []string{"MCP01", "MCP02"}, []string{"T1552.005"}),

	"AUD-F01": of(medium, "give the server a folder of its own, or allow it: [allow] write", []string{"MCP02"}, []string{"T1565.001"}),
	"AUD-F02": of(high, "check the file, and run the server with a read-only home", []string{"MCP02", "MCP04"}, []string{"T1546.004", "T1543.002", "T1053.003"}),
	"AUD-F03": of(high, "correct readOnlyHint, or the tool", []string{"MCP02", "MCP03"}, []string{"T1485"}),
	"AUD-F04": of(high, "correct destructiveHint, or the tool", []string{"MCP02", "MCP03"}, []string{"T1485"}),
	"AUD-F05": of(high, "run the server without these folders in reach", []string{"MCP01"}, []string{"T1552.001", "T1083"}),

	"AUD-X01": of(medium, "declare the program, or allow it: [allow] exec", []string{"MCP02"}, []string{"T1059"}),
	"AUD-X02": of(critical, "pass arguments as a list, never through a shell or an interpreter", []string{"MCP05"}, []string{"T1059"}),
	"AUD-X03": of(high, "find out what keeps running, and end it with the server", []string{"MCP09"}, []string{"T1543"}),
	"AUD-X04": of(high, "ask the author what the code is for", []string{"MCP02"}, []string{"T1574.006", "T1055"}),
	"AUD-X05": of(medium, "run the server without the right to do so", []string{"MCP02"}, []string{"T1611"}),
	"AUD-X06": of(high, "do not run this server: what it starts is not what was published", []string{"MCP04"}, []string{"T1105", "T1059"}),

	"AUD-M01": of(high, "show the text with its code points to the author; do not use the server until it is gone", []string{"MCP03", "MCP06"}, []string{"T1027"}),
	"AUD-M02": of(high, "read the text: it speaks to the model, not to you", []string{"MCP03", "MCP06"}, nil),
	"AUD-M03": of(medium, "use only one of the servers, or give the tools prefixes in the client", []string{"MCP03", "MCP09"}, []string{"T1036.005"}),
	"AUD-M04": of(critical, "compare the definitions; a server that changes what its tools say can not be reviewed", []string{"MCP03", "MCP04"}, nil),
	"AUD-M05": of(critical, "compare the definitions; the server shows different faces to different clients", []string{"MCP03"}, []string{"T1497.001"}),
	"AUD-M06": of(medium, "review the difference, then run again with --update-lock", []string{"MCP04"}, []string{"T1195.002"}),
	"AUD-M07": of(high, "treat the result as data; ask the author where the text comes from", []string{"MCP06"}, nil),
	"AUD-M08": of(medium, "make sure that the tool is the one you think it is", []string{"MCP03", "MCP09"}, []string{"T1036.005"}),
	"AUD-M09": of(medium, "ask the author why the argument is required", []string{"MCP10"}, []string{"T1213"}),
	"AUD-M10": of(high, "decline the request; a server has no need to ask for it", []string{"MCP06", "MCP10"}, []string{"T1056"}),

	"AUD-E01": of(low, "look at what differs when nobody watches", nil, []string{"T1622", "T1497.001"}),
	"AUD-E02": of(high, "trust no single run of this server", nil, []string{"T1622", "T1497.001"}),
	"AUD-E03": of(high, "trust no short run of this server", nil, []string{"T1497.003"}),
	"AUD-E04": of(high, "trust no single call of this tool", nil, []string{"T1497.001"}),
	"AUD-E05": of(medium, "look at what the arguments have in common", nil, []string{"T1480"}),
	"AUD-E06": of(medium, "audit again with --tracer ebpf, which sees io_uring", nil, []string{"T1562.001"}),
	"AUD-E07": of(high, "check the logs that it touched", []string{"MCP08"}, []string{"T1070"}),
	"AUD-R01": of(medium, "limit the server's processes, memory and output", nil, []string{"T1499"}),

	"AUD-S01": of(medium, "install it with --ignore-scripts, or read the script first", []string{"MCP04"}, []string{"T1195.002"}),
	"AUD-S02": of(info, "name a version in the command line", []string{"MCP04"}, []string{"T1195.002"}),

	"AUD-T01": of(high, "run the audit again; nothing that came after was seen", nil, nil),
	"AUD-T02": of(high, "check the command line and the variables that the server needs", nil, nil),
	"AUD-T03": of(low, "the server should log to its standard error", nil, nil),
	"AUD-T04": of(medium, "give the server what it needs: a key, a folder, a service", nil, nil),
	"AUD-T05": of(medium, "raise --budget, or give the server what it needs", nil, nil),
	"AUD-T06": of(medium, "run the audit again with less load on the machine", nil, nil),
}
