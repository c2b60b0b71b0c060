#!/usr/bin/env node
// The `basalt` command: lets Node read TypeScript, then starts tools/cli.ts.
try {
  const { register } = await import("tsx/esm/api");
  register();
} catch (error) {
  if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
  console.error(
    "basalt: the npm packages are missing. Run `npm ci`, or `npm start`, which installs all that is missing.",
  );
  process.exit(8);
}
await import("./cli.ts");
