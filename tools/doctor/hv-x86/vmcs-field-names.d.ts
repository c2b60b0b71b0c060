// What hv/x86/vmcs-field-names.ts exports, in the types of the tools: AssemblyScript's types mean nothing to their tsc.
export declare const VMCS_FIELD_ENCODINGS: readonly number[];
export declare const VMCS_FIELD_NAMES: readonly string[];
