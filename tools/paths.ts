// Where the tools find and put files.
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("..", import.meta.url));
export const buildDirectory = join(root, "build");
export const builtElf = join(buildDirectory, "basalt.elf");
export const builtDoctor = join(buildDirectory, "doctor.wasm");
export const builtDoctorPage = join(buildDirectory, "doctor.html");
export const builtIso = join(buildDirectory, "basalt.iso");
export const runsDirectory = join(buildDirectory, "run");
export const screenshotsDirectory = join(root, "docs/screenshots");
export const testDirectory = join(root, "test");
