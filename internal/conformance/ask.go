package conformance

import (
	"slices"
	"strconv"
	"strings"

	"github.com/killdeer-mcp/killdeer/sdk"
	"github.com/killdeer-mcp/killdeer/sdk/guest"
)

// accepted is the text that a user entered into a field of a form.
func accepted(c *sdk.Call, key, field string) (string, bool) {
	in, _ := guest.Input(c, key)
	if in.Str("action") != "accept" {
		return "", false
	}
	s := in.Object("content").Str(field)
	return s, s != ""
}

// sampled is the first text that a model gave.
func sampled(c *sdk.Call, key string) (string, bool) {
	in, _ := guest.Input(c, key)
	block := in.Raw("content") // of a model that may call tools, a list
	if len(block) > 0 && block[0] == '[' {
		var first []byte
		_ = guest.Elements(block, func(v []byte) {
			if first == nil {
				first = v
			}
		})
		block = first
	}
	content, err := guest.ParseObject(block)
	return content.Str("text"), err == nil
}

// listed are the URIs of the client's roots.
func listed(c *sdk.Call, key string) ([]string, bool) {
	in, _ := guest.Input(c, key)
	var uris []string
	err := guest.Elements(in.Raw("roots"), func(v []byte) {
		if root, err := guest.ParseObject(v); err == nil {
			uris = append(uris, root.Str("uri"))
		}
	})
	return uris, err == nil
}

// ask is the document of a question, or of the error that it ends in after the
// client would not answer it.
func ask(c *sdk.Call, question *guest.Answer) []byte {
	all, err := guest.ParseObject(c.Refused)
	if err != nil || len(all.Keys()) == 0 {
		return question.Bytes()
	}
	return guest.Error(sdk.FaultTool, "the client refused: "+all.Object(all.Keys()[0]).Str("message"))
}

func sampling(c *sdk.Call) []byte {
	if s, ok := sampled(c, "sample"); ok {
		return guest.Text("LLM response: " + s)
	}
	var a guest.Answer
	return ask(c, a.Sample("sample", argument(c, "prompt"), 100))
}

// elicitation has the user fill in a form, and returns whatever is entered.
func elicitation(schema string) answer {
	return func(c *sdk.Call) []byte {
		in, _ := guest.Input(c, "form")
		if action := in.Str("action"); action != "" {
			return guest.Text("User response: action=" + action + ", content=" + string(in.Raw("content")))
		}
		message := argument(c, "message")
		if message == "" {
			message = "Please fill in the form"
		}
		var a guest.Answer
		return ask(c, a.Elicit("form", message, []byte(schema)))
	}
}

// missingCapability asks a client that does not sample for a sample: the host is
// to refuse the call.
func missingCapability(c *sdk.Call) []byte {
	if slices.Contains(c.Can, sdk.CanSampling) {
		return guest.Text("The client samples.")
	}
	var a guest.Answer
	return ask(c, a.Sample("sample", "Anything", 1))
}

// streamingElicitation asks on the stream of a call, which in the era of
// 2026-07-28 may carry no request.
func streamingElicitation(c *sdk.Call) []byte {
	if slices.Contains(c.Can, sdk.CanElicitForm) {
		return askName(c)
	}
	return guest.Text("There is nobody to ask.")
}

func askName(c *sdk.Call) []byte {
	if name, ok := accepted(c, "user_name", "name"); ok {
		return guest.Text("Hello, " + name + "!")
	}
	var a guest.Answer
	return ask(c, a.Elicit("user_name", "What is your name?", []byte(nameSchema)))
}

func askSampling(c *sdk.Call) []byte {
	if s, ok := sampled(c, "capital_question"); ok {
		return guest.Text("Sampling response: " + s)
	}
	var a guest.Answer
	return ask(c, a.Sample("capital_question", "What is the capital of France?", 100))
}

func askRoots(c *sdk.Call) []byte {
	if uris, ok := listed(c, "client_roots"); ok {
		return guest.Text(strconv.Itoa(len(uris)) + " roots: " + strings.Join(uris, ", "))
	}
	var a guest.Answer
	return ask(c, a.Roots("client_roots"))
}

// askConfirmation completes only if its own state comes back with the answer.
func askConfirmation(c *sdk.Call) []byte {
	const state = `{"asked":"confirm"}`
	in, _ := guest.Input(c, "confirm")
	if in.Str("action") == "accept" && string(c.Resume) == state {
		return guest.Text("state-ok: the state came back and the answer was accepted")
	}
	var a guest.Answer
	return ask(c, a.Elicit("confirm", "Please confirm", []byte(confirmSchema)).Resume([]byte(state)))
}

func askThree(c *sdk.Call) []byte {
	name, named := accepted(c, "user_name", "name")
	greeting, greeted := sampled(c, "greeting")
	uris, rooted := listed(c, "client_roots")
	if named && greeted && rooted {
		return guest.Text(greeting + " " + name + ", with " + strconv.Itoa(len(uris)) + " roots")
	}
	var a guest.Answer
	a.Elicit("user_name", "What is your name?", []byte(nameSchema))
	a.Sample("greeting", "Generate a greeting", 50).Roots("client_roots")
	return ask(c, a.Resume([]byte(`{"asked":"three"}`)))
}

// askTwice asks a second question after the first was answered. What the first
// answer was is in the state.
func askTwice(c *sdk.Call) []byte {
	var a guest.Answer
	state, _ := guest.ParseObject(c.Resume)
	name := state.Str("name")
	if name == "" {
		name, _ = accepted(c, "step1", "name")
	}
	if name == "" {
		return ask(c, a.Elicit("step1", "Step 1: What is your name?", []byte(nameSchema)).Resume([]byte(`{"step":1}`)))
	}
	if color, ok := accepted(c, "step2", "color"); ok {
		return guest.Text(name + " likes " + color)
	}
	var w guest.Writer
	second := w.Obj().Key("step").Int(2).Key("name").Str(name).End().Bytes()
	return ask(c, a.Elicit("step2", "Step 2: What is your favorite color?", []byte(colorSchema)).Resume(second))
}

func askWhatIsPossible(c *sdk.Call) []byte {
	if given, _ := guest.ParseObject(c.Inputs); len(given.Keys()) > 0 {
		return guest.Text("The client gave what it is able to give.")
	}
	if len(c.Can) == 0 {
		return guest.Text("The client is not able to give anything.")
	}
	var a guest.Answer
	for _, able := range c.Can {
		switch able {
		case sdk.CanElicitForm:
			a.Elicit("user_name", "What is your name?", []byte(nameSchema))
		case sdk.CanSampling:
			a.Sample("greeting", "Generate a short greeting", 50)
		case sdk.CanRoots:
			a.Roots("client_roots")
		}
	}
	return ask(c, &a)
}
