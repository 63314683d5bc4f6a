package audit

import (
	"context"
	"fmt"

	"github.com/killdeer-mcp/killdeer/audit/evidence"
)

// Run is a [Runner].
func Run(_ context.Context, _ Options) (*evidence.Report, error) {
	return nil, fmt.Errorf("%w: this build has no sandbox", ErrSetup)
}
