// How the console becomes static files: no inline script or style (the CSP of the control process allows none), names with
// hashes, and nothing from the network.
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  logLevel: 'warn',
  build: {
    outDir: 'dist/site',
    target: 'baseline-widely-available',
    // A file of its own for everything: data: URLs would need a place in the CSP.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      onLog(level, log, handle) {
        // "use client" means something to frameworks that render on a server; how long a plugin takes is nobody's concern here.
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE' && log.code !== 'PLUGIN_TIMINGS') handle(level, log);
      },
    },
  },
});
