package conformance

import (
	"time"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// What happens while a tool runs.
const (
	step      = 50 * time.Millisecond  // between two notices of one call
	hangUp    = 10 * time.Millisecond  // of an event stream, after the call arrived
	comeBack  = 10 * time.Millisecond  // how soon the client may be there again
	afterward = 150 * time.Millisecond // the answer, where notices come before it
)

const (
	pngType  = "image/png"
	wavType  = "audio/wav"
	textType = "text/plain"
	jsonType = "application/json"
)

func tools() map[string]answer {
	return map[string]answer{
		"test_simple_text":            says("This is a simple text response for testing."),
		"test_image_content":          image,
		"test_audio_content":          audio,
		"test_embedded_resource":      embedded,
		"test_multiple_content_types": mixed,
		"test_tool_with_logging":      logging,
		"test_tool_with_progress":     progress,
		"test_error_handling":         failing,
		"test_reconnection":           reconnection,
		"json_schema_2020_12_tool":    schema2020,
		"test_x_mcp_header":           header,
		"test_logging_tool":           loggingOnce,
		"test_trigger_tool_change":    changed("tools"),
		"test_trigger_prompt_change":  changed("prompts"),

		"test_sampling":                     sampling,
		"test_elicitation":                  elicitation(userSchema),
		"test_elicitation_sep1034_defaults": elicitation(defaultsSchema),
		"test_elicitation_sep1330_enums":    elicitation(enumsSchema),
		"test_missing_capability":           missingCapability,
		"test_streaming_elicitation":        streamingElicitation,

		"test_input_required_result_elicitation":     askName,
		"test_input_required_result_sampling":        askSampling,
		"test_input_required_result_list_roots":      askRoots,
		"test_input_required_result_request_state":   askConfirmation,
		"test_input_required_result_tampered_state":  askConfirmation,
		"test_input_required_result_multiple_inputs": askThree,
		"test_input_required_result_multi_round":     askTwice,
		"test_input_required_result_capabilities":    askWhatIsPossible,
	}
}

func says(text string) answer {
	return func(*sdk.Call) []byte { return guest.Text(text) }
}

func image(*sdk.Call) []byte {
	var a guest.Answer
	return a.Image(pngType, png).Bytes()
}

func audio(*sdk.Call) []byte {
	var a guest.Answer
	return a.Audio(wavType, wav).Bytes()
}

func embedded(*sdk.Call) []byte {
	var a guest.Answer
	return a.Embed("test://embedded-resource", textType, "This is an embedded resource content.").Bytes()
}

func mixed(*sdk.Call) []byte {
	var a guest.Answer
	a.Text("Multiple content types test:").Image(pngType, png)
	return a.Embed("test://mixed-content-resource", jsonType, `{"test":"data","value":123}`).Bytes()
}

func failing(*sdk.Call) []byte {
	var a guest.Answer
	return a.Text("This tool intentionally returns an error for testing").Failed().Bytes()
}

func schema2020(c *sdk.Call) []byte {
	return guest.Text("JSON Schema 2020-12 tool called with: " + string(c.Args))
}

func header(c *sdk.Call) []byte { return guest.Text("region=" + argument(c, "region")) }

// argument is an argument that is a string; of another type, or absent, it is "".
func argument(c *sdk.Call, name string) string {
	args, err := guest.ParseObject(c.Args)
	if err != nil {
		return ""
	}
	return args.Str(name)
}

func logging(*sdk.Call) []byte {
	var a guest.Answer
	a.Log("info", "", guest.Quote("Tool execution started"))
	a.After(step).Log("info", "", guest.Quote("Tool processing data"))
	a.After(2*step).Log("info", "", guest.Quote("Tool execution completed"))
	return a.Text("Tool with logging executed successfully").Delay(afterward).Bytes()
}

func loggingOnce(*sdk.Call) []byte {
	var a guest.Answer
	a.Log("info", "", guest.Quote("test_logging_tool executed"))
	return a.Text("A log message was sent, if the client wants any.").Bytes()
}

func progress(*sdk.Call) []byte {
	var a guest.Answer
	a.Progress(0, 100, "Completed step 0 of 100")
	a.After(step).Progress(50, 100, "Completed step 50 of 100")
	a.After(2*step).Progress(100, 100, "Completed step 100 of 100")
	return a.Text("Tool with progress executed successfully").Delay(afterward).Bytes()
}

// reconnection has the host hang up before the answer is due, so that the client
// must come back for it.
func reconnection(*sdk.Call) []byte {
	var a guest.Answer
	a.After(hangUp).Retry(comeBack)
	return a.Text("The client came back for this answer.").Delay(afterward).Bytes()
}

func changed(list string) answer {
	return func(*sdk.Call) []byte {
		var a guest.Answer
		return a.Changed(list).Text("The list of " + list + " is announced as changed.").Bytes()
	}
}
