package conformance

import (
	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

func prompts() map[string]answer {
	return map[string]answer{
		"test_simple_prompt":                 simplePrompt,
		"test_prompt_with_arguments":         promptWithArguments,
		"test_prompt_with_embedded_resource": promptWithResource,
		"test_prompt_with_image":             promptWithImage,
		"test_input_required_result_prompt":  promptThatAsks,
	}
}

func simplePrompt(*sdk.Call) []byte {
	var a guest.Answer
	return a.Description("A simple prompt").Message("user").Text("This is a simple prompt for testing.").Bytes()
}

func promptWithArguments(c *sdk.Call) []byte {
	var a guest.Answer
	text := "Prompt with arguments: arg1='" + argument(c, "arg1") + "', arg2='" + argument(c, "arg2") + "'"
	return a.Description("A prompt with arguments").Message("user").Text(text).Bytes()
}

func promptWithResource(c *sdk.Call) []byte {
	var a guest.Answer
	a.Description("A prompt with a resource")
	a.Message("user").Embed(argument(c, "resourceUri"), textType, "Embedded resource content for testing.")
	return a.Message("user").Text("Please process the embedded resource above.").Bytes()
}

func promptWithImage(*sdk.Call) []byte {
	var a guest.Answer
	a.Description("A prompt with an image").Message("user").Image(pngType, png)
	return a.Message("user").Text("Please analyze the image above.").Bytes()
}

func promptThatAsks(c *sdk.Call) []byte {
	var a guest.Answer
	if s, ok := accepted(c, "user_context", "context"); ok {
		return a.Description("A prompt with a context").Message("user").Text("Context: " + s).Bytes()
	}
	if len(c.Refused) > 0 {
		return guest.Error(sdk.FaultBadArgs, "the client refused to give a context")
	}
	return a.Elicit("user_context", "What context should the prompt use?", []byte(contextSchema)).Bytes()
}
