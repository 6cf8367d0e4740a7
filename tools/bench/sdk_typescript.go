//go:build unix

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
)

// benchTypeScript measures what the TypeScript client adds to plain fetch on the same calls, in turns: sdk/typescript/tools/bench.mjs. It is left out where
// there is no Node 20.
func benchTypeScript(ctx context.Context, opt options, st *stage) error {
	if exec.CommandContext(ctx, "node", "-e", "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)").Run() != nil {
		fmt.Println("TypeScript client: left out, there is no Node 20")
		return nil
	}
	if out, err := exec.CommandContext(ctx, "sdk/typescript/build.sh").CombinedOutput(); err != nil {
		return fmt.Errorf("sdk/typescript/build.sh: %w\n%s", err, out)
	}
	cmd := exec.CommandContext(ctx, "node", "sdk/typescript/tools/bench.mjs", strconv.Itoa(opt.rounds))
	cmd.Env = append(os.Environ(), "VOXEL_BASE_URL="+st.client.Base, "VOXEL_API_KEY="+st.client.Key)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("bench.mjs: %w", err)
	}
	var told struct {
		IngestPlain  float64 `json:"ingest_plain_mb_s"`
		IngestClient float64 `json:"ingest_client_mb_s"`
		DecodePlain  float64 `json:"decode_plain_ms"`
		DecodeClient float64 `json:"decode_client_ms"`
	}
	if err := json.Unmarshal(out, &told); err != nil {
		return fmt.Errorf("bench.mjs: %w: %s", err, out)
	}
	fmt.Printf("TypeScript client on Node: ingest of float32 batches %6.1f MB/s, bare fetch %6.1f MB/s: %.2f of it\n", told.IngestClient, told.IngestPlain, told.IngestClient/told.IngestPlain)
	fmt.Printf("                           one decode, p50 %6.2f ms, bare fetch %6.2f ms: %.2f ms more\n", told.DecodeClient, told.DecodePlain, told.DecodeClient-told.DecodePlain)
	return nil
}
