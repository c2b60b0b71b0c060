// Installs what a fresh clone lacks: npm packages and Debian packages. Plain Node: it runs before node_modules exists.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
// By what ESLint needs.
const oldestNode = { major: 20, minor: 19 };
// The row "setup" of tools/exit-codes.ts, which cannot be imported before tsx is there.
const setupIncomplete = 8;

checkNode();
installNpmPackages();
installDebianPackages();

/** Ends the set-up with `message`; nothing after it runs. */
function stop(message) {
  console.error(`basalt setup: ${message}`);
  process.exit(setupIncomplete);
}

/** Runs a program with its output on this terminal and answers whether it exited with 0. */
function succeeds(command, args) {
  return spawnSync(command, args, { cwd: root, stdio: "inherit" }).status === 0;
}

function checkNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > oldestNode.major || (major === oldestNode.major && minor >= oldestNode.minor)) return;
  const needed = `${oldestNode.major}.${oldestNode.minor}`;
  stop(`Node ${process.versions.node} is too old, Basalt needs ${needed} or newer. See https://nodejs.org/.`);
}

/** npm writes node_modules/.package-lock.json at the end of an installation, so an interrupted one counts as missing. */
function installNpmPackages() {
  const wanted = `${root}package-lock.json`;
  const installed = `${root}node_modules/.package-lock.json`;
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(wanted).mtimeMs) return;
  console.error("basalt setup: installing npm packages (npm ci)");
  if (!succeeds("npm", ["ci", "--include=dev", "--loglevel=error"])) stop("npm ci failed; its message is above.");
}

function installDebianPackages() {
  const names = readFileSync(`${root}tools/debian-packages.txt`, "utf8")
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((name) => name !== "");
  const query = spawnSync("dpkg-query", ["-W", "-f", "${Package} ${db:Status-Status}\n", ...names], {
    encoding: "utf8",
  });
  if (query.error) {
    console.error(
      `basalt setup: this is no Debian, so nothing was checked. Needed, by Debian's names: ${names.join(" ")}`,
    );
    return;
  }
  const present = new Set(query.stdout.split("\n"));
  const missing = names.filter((name) => !present.has(`${name} installed`));
  if (missing.length === 0) return;

  const install = ["apt-get", "install", "--yes", "--no-install-recommends", ...missing];
  const asRoot = rootPrefix();
  const instructions =
    `these Debian packages are missing:\n${missing.map((name) => `  ${name}`).join("\n")}\n` +
    `Install them with:\n  sudo apt-get update && sudo ${install.join(" ")}`;
  if (asRoot === null) stop(instructions);
  console.error(`basalt setup: installing Debian packages: ${missing.join(" ")}`);
  const run = (args) => {
    const [command, ...rest] = [...asRoot, "env", "DEBIAN_FRONTEND=noninteractive", ...args];
    return succeeds(command, rest);
  };
  if (!run(["apt-get", "update"]) || !run(install)) stop(`apt-get failed, its message is above; ${instructions}`);
}

/** The words that make a command run as root without a question, or null where that is not allowed. */
function rootPrefix() {
  if (process.getuid() === 0) return [];
  const sudo = spawnSync("sudo", ["-n", "true"], { stdio: "ignore" });
  return sudo.status === 0 ? ["sudo", "-n"] : null;
}
