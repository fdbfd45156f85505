// Reads compose files as Docker Compose does, with the loader that it uses itself, and writes what it makes of them.
// A reference that leads nowhere, an unknown key or a wrong value is one line on stderr and exit 1.
//
//	compose FILE...
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	options, err := cli.NewProjectOptions(os.Args[1:], cli.WithWorkingDirectory("."), cli.WithProfiles([]string{"*"}),
		cli.WithInterpolation(true), cli.WithResolvedPaths(false))
	if err == nil {
		var text []byte
		if text, err = load(options); err == nil {
			_, err = os.Stdout.Write(text)
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%v: %v\n", os.Args[1:], err)
		os.Exit(1)
	}
}

func load(options *cli.ProjectOptions) ([]byte, error) {
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return nil, err
	}
	return project.MarshalYAML()
}
