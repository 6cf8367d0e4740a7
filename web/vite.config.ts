import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// The output goes into the program: see internal/console. Every address in it begins with a slash and names no host.
export default defineConfig({
  base: "/",
  plugins: [svelte()],
  build: {
    outDir: (globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env.CONSOLE_OUT ?? "dist",
    emptyOutDir: false,
    target: "es2022",
    assetsInlineLimit: 0, // a data: address would have to be allowed by the policy
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
    reportCompressedSize: false,
  },
  test: { environment: "node", include: ["src/**/*.test.ts"], testTimeout: 60_000 },
} as Parameters<typeof defineConfig>[0]);
