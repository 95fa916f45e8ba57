//go:build tools

// grpcurl, pinned with all that it is built from: .ci/install builds it.
package tools

import _ "github.com/fullstorydev/grpcurl/cmd/grpcurl"
