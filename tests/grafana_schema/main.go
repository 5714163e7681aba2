// Checks dashboards strictly against Grafana's own schema: unknown and missing fields anywhere are errors.
package main

import (
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

func main() {
	plugins.RegisterDefaultPlugins()
	failed := false
	for _, path := range os.Args[1:] {
		for _, problem := range problems(path) {
			fmt.Printf("%s: %s\n", path, problem)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// An error of the schema package may be set and have no text where there is no problem.
func problems(path string) (found []string) {
	add := func(err error) {
		if err != nil && err.Error() != "" {
			found = append(found, err.Error())
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return []string{err.Error()}
	}
	var board dashboard.Dashboard
	add(board.UnmarshalJSONStrict(text))
	if len(found) == 0 {
		add(board.Validate())
	}
	return found
}
