//go:build tools

// ghz, pinned with all that it is built from: ./run builds it.
package tools

import _ "github.com/bojand/ghz/cmd/ghz"
