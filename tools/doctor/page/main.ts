// The page: starts the doctor, and shows the view that the address asks for.
import { Doctor } from "../doctor.ts";
import { CheckView } from "./check-view.ts";
import { found, jumpTo } from "./dom.ts";
import { Reference } from "./reference-view.ts";
import { startTheme } from "./theme.ts";

const VIEWS = { check: "Check a dump", rules: "All rules" } as const;
type View = keyof typeof VIEWS;

startTheme();
const base64 = found("doctor-wasm", HTMLScriptElement).text;
const doctors = await Doctor.loadAll(Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)));
const check = new CheckView(doctors, say);
found("edition", HTMLElement).textContent =
  `${doctors.vmcs.edition}, or, those of VMRUN, of the ${doctors.vmcb.edition}`;
const reference = new Reference([...doctors.vmcs.rules, ...doctors.vmcb.rules]);
followJumps();
addEventListener("hashchange", () => void route());
await route();

/** Shows a message above the view; "" takes it away. */
function say(message: string): void {
  const place = found("message", HTMLElement);
  place.textContent = message;
  place.hidden = message === "";
}

function show(view: View): void {
  for (const each of Object.keys(VIEWS) as View[]) {
    found(each, HTMLElement).hidden = each !== view;
    const link = found(`nav-${each}`, HTMLAnchorElement);
    if (each === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = `${VIEWS[view]} – VM-entry doctor`;
}

/** Follows the fragment: nothing or `check`, `rules`, `rule=SLUG`, or `dump=…` of a link that holds a dump. */
async function route(): Promise<void> {
  const fragment = location.hash.slice(1);
  say("");
  if (fragment === "" || fragment === "check") show("check");
  else if (fragment === "rules") {
    show("rules");
    found("rules-title", HTMLElement).focus();
  } else if (fragment.startsWith("rule=")) showRule(new URLSearchParams(fragment).get("rule") ?? "");
  else if (fragment.startsWith("dump=")) {
    show("check");
    await check.follow(fragment);
  } else {
    show("check");
    say(
      `Found the link’s part “${fragment.slice(0, 40)}”, expected dump=…, rule=… or rules: see whether the link is whole.`,
    );
  }
}

function showRule(slug: string): void {
  show("rules");
  if (!reference.show(slug)) say(`Found no rule “${slug.slice(0, 80)}”, expected a slug of the list below: search it.`);
}

/** Links within the page move the focus and leave the address, which may hold a dump. */
function followJumps(): void {
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element ? event.target.closest<HTMLElement>("a[data-jump]") : null;
    const target = link && document.getElementById(link.dataset["jump"]!);
    if (!target || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    jumpTo(target);
  });
}
