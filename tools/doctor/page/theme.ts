// The switch between light and dark; without a choice, the system's setting counts.
import { found } from "./dom.ts";

const KEY = "vm-entry-doctor.theme";

/** Takes up the stored choice and follows the switch. */
export function startTheme(): void {
  const select = found("theme", HTMLSelectElement);
  select.value = stored() ?? "system";
  apply(select.value);
  select.addEventListener("change", () => {
    apply(select.value);
    store(select.value);
  });
}

function apply(theme: string): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

// A browser may deny storage, to pages on disk above all; the choice then lasts as long as the page.
function stored(): string | null {
  try {
    const theme = localStorage.getItem(KEY);
    return theme === "light" || theme === "dark" ? theme : null;
  } catch {
    return null;
  }
}

function store(theme: string): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    return;
  }
}
