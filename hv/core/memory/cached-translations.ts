// What a processor may still know of translations that memory no longer has.

/** The flag of one address space: whoever enters a VM looks at it first. Alone, it is that of a VM without EPT. */
export class CachedTranslations {
  /** Whether hardware may hold a translation that was changed in memory. */
  invalidationIsPending: bool = false;
}
