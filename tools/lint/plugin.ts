// Basalt's own lint rules as an ESLint plugin; eslint.config.mjs says where each applies.
import { importBoundaries } from "./import-boundaries.ts";
import { noConstantFor } from "./no-constant-for.ts";
import { noModuleState } from "./no-module-state.ts";
import { noRawMemory } from "./no-raw-memory.ts";
import { noVendorNames } from "./no-vendor-names.ts";

export const basalt = {
  rules: {
    "import-boundaries": importBoundaries,
    "no-constant-for": noConstantFor,
    "no-module-state": noModuleState,
    "no-raw-memory": noRawMemory,
    "no-vendor-names": noVendorNames,
  },
};
