package guest

// Elicit asks the user to fill in a form. The schema is a JSON object schema
// with flat properties. What he answers is found by [Input] under the key.
func (a *Answer) Elicit(key, message string, schema []byte) *Answer {
	a.request(key, "elicitation/create").Key("params").Obj().Key("message").Str(message).Key("requestedSchema").Raw(schema).End().End()
	return a
}

// ElicitURL asks the user to visit a page.
func (a *Answer) ElicitURL(key, message, url string) *Answer {
	w := a.request(key, "elicitation/create").Key("params").Obj().Key("mode").Str("url")
	w.Key("message").Str(message).Key("url").Str(url).End().End()
	return a
}

// Sample asks the client's model to answer a text in at most maxTokens.
func (a *Answer) Sample(key, text string, maxTokens int) *Answer {
	w := a.request(key, "sampling/createMessage").Key("params").Obj().Key("messages").Arr()
	w.Obj().Key("role").Str("user").Key("content").Obj().Key("type").Str("text").Key("text").Str(text).End().End().End()
	w.Key("maxTokens").Int(int64(maxTokens)).End().End()
	return a
}

// Roots asks for the folders that the client works in.
func (a *Answer) Roots(key string) *Answer {
	a.request(key, "roots/list").End()
	return a
}

// Resume hands a JSON value to the next round, in [sdk.Call.Resume].
func (a *Answer) Resume(json []byte) *Answer {
	a.asks, a.resume = true, json
	return a
}

func (a *Answer) request(key, method string) *Writer {
	a.asks = true
	return object(&a.requests).Key(key).Obj().Key("method").Str(method)
}

func (a *Answer) writeQuestion(w *Writer) {
	if a.requests.depth > 0 {
		w.Key("requests").Raw(a.requests.End().Bytes())
	}
	if a.resume != nil {
		w.Key("resume").Raw(a.resume)
	}
	w.End()
}
