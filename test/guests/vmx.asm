; Instructions of VMX, SMX and SVM where they are not enabled: each raises #UD, at any privilege level, in any mode.

%include "lib/guest.inc"

; Checks instruction %2, named %1, at level 0 and 3. The operand is not looked at.
%macro check_undefined 2
    raises %1, UD, none, {%2}
    try
    enter_user CODE64
    expect_here
    %2
    caught
    check_exception {%1, " at privilege level 3"}, UD, none
%endmacro

; SDM 3C 31.3: the first condition of each is that CR4.VMXE is set, or that the CPU is in VMX operation.
main:
    check_undefined "VMXON", {vmxon [operand]}
    check_undefined "VMXOFF", vmxoff
    check_undefined "VMCLEAR", {vmclear [operand]}
    check_undefined "VMPTRLD", {vmptrld [operand]}
    check_undefined "VMPTRST", {vmptrst [operand]}
    check_undefined "VMREAD", {vmread rax, rbx}
    check_undefined "VMWRITE", {vmwrite rax, rbx}
    check_undefined "VMLAUNCH", vmlaunch
    check_undefined "VMRESUME", vmresume
    check_undefined "INVEPT", {invept rax, [operand]}
    check_undefined "INVVPID", {invvpid rax, [operand]}
    check_undefined "VMFUNC", vmfunc
    check_undefined "GETSEC", getsec
    check_undefined "VMRUN", {db 0x0f, 0x01, 0xd8}
    check_undefined "VMLOAD", {db 0x0f, 0x01, 0xda}
    check_undefined "VMSAVE", {db 0x0f, 0x01, 0xdb}
    check_undefined "STGI", {db 0x0f, 0x01, 0xdc}
    check_undefined "CLGI", {db 0x0f, 0x01, 0xdd}
    check_undefined "INVLPGA", {db 0x0f, 0x01, 0xdf}
    if_bare .no_calls
    if_tcg_machine .no_calls
    skip "VMCALL", "calls the hypervisor"
    jmp .modes
.no_calls:
    check_undefined "VMCALL", vmcall
.modes:
    try
    enter_user CODE32
bits 32
    vmlaunch
bits 64
    caught
    check_exception "VMLAUNCH in compatibility mode", UD, none
    mov edi, .in_protected_mode
    mov esi, PAGING_NONE
    call run_protected
    check_kept "VMLAUNCH in protected mode", 0, UD, none
    check_kept "VMXON in protected mode", 1, UD, none
    mov edi, vmlaunch_in_real_mode
    call run_real
    check "VMLAUNCH in real mode", rax, VECTOR_UD
    if_tcg_machine .untried

    ; SDM 3C 24.7: CR4.VMXE is reserved on a CPU without VMX.
    mov eax, 1
    cpuid
    bt ecx, 5
    jc .has_vmx
    mov rbx, cr4
    or ebx, CR4_VMXE
    raises "CR4.VMXE is reserved without VMX", GP, 0, {mov cr4, rbx}
    ret
.has_vmx:
    skip "CR4.VMXE is reserved without VMX", "this CPU has VMX"
    ret
.untried:
    skip "CR4.VMXE is reserved without VMX", "QEMU's own CPU hangs"
    ret
bits 32
.in_protected_mode:
    try
    vmlaunch
    caught
    keep_exception 0
    try
    vmxon [operand]
    caught
    keep_exception 1
    ret
bits 64

section .bss
    alignb 16
operand: resb 16

section .real
bits 16
vmlaunch_in_real_mode:
    mov word [VECTOR_UD * 4], .handler
    mov word [VECTOR_UD * 4 + 2], 0
    mov eax, -1
    vmlaunch
    ret
.handler:
    mov eax, VECTOR_UD
    add sp, 6
    ret
