// Core's AssemblyScript runtime (asconfig.json): asc compiles this file in and takes its allocator from it.

import "./arenas";
