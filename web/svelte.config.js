import { vitePreprocess } from "@sveltejs/vite-plugin-svelte";

export default {
  preprocess: vitePreprocess(),
  compilerOptions: {
    runes: true,
    // A canvas has no role of its own and may be any (ARIA in HTML).
    warningFilter: (w) => w.code !== "a11y_no_interactive_element_to_noninteractive_role",
  },
};
