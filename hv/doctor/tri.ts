// Three-valued logic (Kleene's): a rule holds, is violated, or cannot be decided from what is known.

export type Tri = u32;
export const NO: Tri = 0;
export const UNKNOWN: Tri = 1;
export const YES: Tri = 2;

export function tri(value: bool): Tri {
  return value ? YES : NO;
}

export function not(a: Tri): Tri {
  return YES - a;
}

export function both(a: Tri, b: Tri): Tri {
  return min(a, b);
}

export function either(a: Tri, b: Tri): Tri {
  return max(a, b);
}

/** Where `condition` is known not to hold, nothing is required. */
export function implies(condition: Tri, requirement: Tri): Tri {
  return max(YES - condition, requirement);
}
