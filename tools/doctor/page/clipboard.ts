// Copying texts, also where the browser denies the clipboard.
import { found } from "./dom.ts";

/** Copies, and says so; where the clipboard is denied, shows the text, selected, to be copied by hand. */
export async function copy(text: string, what: string): Promise<void> {
  const byHand = found("copy-by-hand", HTMLElement);
  const copied = found("copied", HTMLElement);
  byHand.hidden = true;
  try {
    await navigator.clipboard.writeText(text);
    copied.textContent = `${what} is on the clipboard.`;
  } catch {
    const field = found("copy-text", HTMLTextAreaElement);
    copied.textContent = "";
    field.value = text;
    byHand.hidden = false;
    field.focus();
    field.select();
  }
}

/** Takes back what was said of an earlier copy. */
export function forgetCopy(): void {
  found("copied", HTMLElement).textContent = "";
  found("copy-by-hand", HTMLElement).hidden = true;
}
