// Command motd is a persona of the command style: a program that reads one
// document from its standard input and writes one to its standard output. It needs
// nothing of Killdeer's, and runs outside of a sensor too:
//
//	echo '{"op":"call","mark":"m"}' | go run .
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

const describe = `{"abi":1,"kind":"persona","id":"motd","version":"1.0.0","personas":[{"id":"motd",
"server":{"name":"motd","version":"1.0.0"},
"tools":[{"name":"motd","description":"The message of the day.","inputSchema":{"type":"object"}}]}]}`

func main() {
	var request struct{ Op, Mark string }
	if err := json.NewDecoder(os.Stdin).Decode(&request); err != nil {
		fmt.Fprintln(os.Stderr, "read the request:", err)
		os.Exit(1)
	}
	if request.Op == "describe" {
		fmt.Println(describe)
		return
	}
	fmt.Printf(`{"result":{"content":[{"type":"text","text":"Welcome to {{%s:fake:org_name:0}}. Deployments are frozen until Monday."}]}}`, request.Mark)
}
