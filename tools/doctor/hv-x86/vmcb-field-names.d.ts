// What hv/x86/vmcb-field-names.ts exports, in the types of the tools.
export declare const VMCB_FIELD_OFFSETS: readonly number[];
export declare const VMCB_FIELD_SIZES: readonly number[];
export declare const VMCB_FIELD_NAMES: readonly string[];
