; CPUID: its leaves, and whether the CPU does what they say.

%include "lib/guest.inc"

; Runs CPUID for leaf %1, subleaf %2.
%macro leaf 1-2 0
    mov eax, %1
    mov ecx, %2
    cpuid
%endmacro

%macro check_zero_above_32 2
    mov rsi, %2
    shr rsi, 32
    check {"CPUID clears the upper half of ", %1}, rsi, 0
%endmacro

LARGEST_EXTENDED equ 0x80000008

main:
    call check_basic_leaves
    call check_extended_leaves
    call check_other_modes
    call check_osxsave
    call check_apic
    call check_xsave_sizes
    call check_topology
    call check_physical_width
    call check_cr4_features
    call check_hypervisor
    ret

; SDM 2A, CPUID, table 3-8
check_basic_leaves:
    mov rax, -1
    mov rbx, -1
    mov rcx, -1
    mov rdx, -1
    leaf 0
    mov r8d, eax
    mov r9, rdx
    shr rax, 32
    check "CPUID clears the upper half of RAX", rax, 0
    check_zero_above_32 "RBX", rbx
    check_zero_above_32 "RCX", rcx
    check_zero_above_32 "RDX", rdx
    check "vendor in EBX is Genu", rbx, 'Genu'
    check "vendor in EDX is ineI", r9, 'ineI'
    check "vendor in ECX is ntel", rcx, 'ntel'
    cmp r8d, 0xd
    check_flag "largest basic leaf is 0DH or above", ae

    ; A leaf beyond the last basic one gives the data of the last basic one.
    leaf r8d
    mov r9d, eax
    mov r10d, ebx
    lea eax, [r8 + 0x100]
    xor ecx, ecx
    cpuid
    check "a leaf beyond the last basic one gives its EAX", rax, r9
    check "a leaf beyond the last basic one gives its EBX", rbx, r10

    leaf 1
    mov r8d, edx
    and eax, 0xf000c000
    check "reserved bits of leaf 1 EAX are 0", rax, 0
    ; FPU, PSE, TSC, MSR, PAE, CX8, PGE, CMOV, FXSR, SSE, SSE2: what 64-bit code rests on.
    mov eax, 0x0700a179
    and r8d, eax
    check "leaf 1 has what every 64-bit CPU has", r8, rax
    ret

check_extended_leaves:
    leaf 0x80000000
    cmp eax, LARGEST_EXTENDED
    check_flag "largest extended leaf is 80000008H or above", ae
    leaf 0x80000001
    mov eax, 1 << 29 | 1 << 20 | 1 << 11
    and edx, eax
    check "leaf 80000001H has long mode, NX and SYSCALL", rdx, rax
    leaf 0x80000004
    shr edx, 24
    check "the brand string ends with a 0 byte", rdx, 0
    leaf 0x80000007
    mov esi, eax
    or esi, ebx
    or esi, ecx
    check "reserved registers of leaf 80000007H are 0", rsi, 0
    ret

; CPUID is the same at each privilege level and in each mode.
check_other_modes:
    leaf 0x80000008
    mov r12d, eax
    try
    enter_user CODE64
    leaf 0x80000008
    ud2
    caught
    check "CPUID at privilege level 3 is as at 0", rax, r12
    try
    enter_user CODE32
bits 32
    leaf 0x80000008
    ud2
bits 64
    caught
    check "CPUID in compatibility mode is as in 64-bit mode", rax, r12
    mov edi, .in_protected_mode
    mov esi, PAGING_32
    call run_protected
    check "CPUID in protected mode is as in 64-bit mode", rax, r12
    mov edi, cpuid_in_real_mode
    call run_real
    check "CPUID in real mode is as in 64-bit mode", rax, r12
    ret
bits 32
.in_protected_mode:
    leaf 0x80000008
    ret
bits 64

; SDM 2A, CPUID, leaf 1: ECX[27] mirrors CR4.OSXSAVE
check_osxsave:
    leaf 1
    test ecx, 1 << 26
    jz .none
    mov r12, cr4
    mov rax, r12
    btr rax, 18
    mov cr4, rax
    leaf 1
    shr ecx, 27
    and ecx, 1
    check "OSXSAVE is clear while CR4.OSXSAVE is", rcx, 0
    mov rax, r12
    bts rax, 18
    mov cr4, rax
    leaf 1
    shr ecx, 27
    and ecx, 1
    check "OSXSAVE is set while CR4.OSXSAVE is", rcx, 1
    mov cr4, r12
    ret
.none:
    skip "OSXSAVE mirrors CR4.OSXSAVE", "no XSAVE"
    ret

LOCAL_APIC equ 0xfee00000
APIC_ID equ 0x20

check_apic:
    leaf 1
    bt edx, 9
    jnc .none
    mov r12d, ebx
    shr r12d, 24
    mov ecx, IA32_APIC_BASE
    rdmsr
    shr eax, 11
    and eax, 1
    check "the APIC feature is there while IA32_APIC_BASE.EN is set", rax, 1
    mov edi, LOCAL_APIC
    mov eax, [rdi + APIC_ID]
    shr eax, 24
    check "the initial APIC ID is that of the local APIC", rax, r12
    ret
.none:
    skip "the initial APIC ID is that of the local APIC", "no local APIC"
    ret

; SDM 1 13.2
check_xsave_sizes:
    leaf 1
    bt ecx, 26
    jnc .none
    mov rax, cr4
    bts rax, 18
    mov cr4, rax
    leaf 0xd
    mov r12d, eax
    and eax, 3
    check "leaf 0DH offers x87 and SSE state", rax, 3

    call set_xcr0_to_1
    leaf 0xd
    check "with x87 state alone XSAVE takes 576 bytes", rbx, 576
    mov eax, 3
    call set_xcr0
    leaf 0xd
    check "with x87 and SSE state XSAVE takes 576 bytes", rbx, 576
    cmp ecx, ebx
    check_flag "the size for all features is no less than for those enabled", ae
    bt r12d, 2
    jnc .no_avx
    leaf 0xd, 2
    check "AVX state takes 256 bytes", rax, 256
    check "AVX state lies at 576", rbx, 576
    mov eax, 7
    call set_xcr0
    leaf 0xd
    check "with AVX state XSAVE takes 832 bytes", rbx, 832
    jmp .largest
.no_avx:
    skip "with AVX state XSAVE takes 832 bytes", "no AVX"
.largest:
    mov eax, r12d
    and eax, 0xe7
    call set_xcr0
    leaf 0xd
    cmp ecx, ebx
    check_flag "with all features enabled both sizes of leaf 0DH agree or the rest is of features above bit 7", ae
    call set_xcr0_to_1
    mov rax, cr4
    btr rax, 18
    mov cr4, rax
    ret
.none:
    skip "leaf 0DH offers x87 and SSE state", "no XSAVE"
    ret

set_xcr0_to_1:
    mov eax, 1
set_xcr0:
    xor ecx, ecx
    xor edx, edx
    xsetbv
    ret

; SDM 2A, CPUID, leaf 0BH
check_topology:
    leaf 0
    cmp eax, 0xb
    jb .none
    leaf 0xb
    test ebx, ebx
    jz .none
    mov r12d, edx
    mov esi, ecx
    shr esi, 8
    check "leaf 0BH begins with the level of threads", rsi, 1
    leaf 1
    shr ebx, 24
    and r12d, 0xff
    check "the x2APIC ID agrees with the initial APIC ID", r12, rbx
    leaf 0xb, 0x42
    and ecx, 0xffff
    check "a level that leaf 0BH does not have is of type 0 and says its number", rcx, 0x42
    and ebx, 0xffff
    check "a level that leaf 0BH does not have has no processors", rbx, 0
    ret
.none:
    skip "leaf 0BH begins with the level of threads", "no leaf 0BH"
    ret

; MAXPHYADDR is where the reserved bits of paging-structure entries begin (SDM 3A 4.1.4, 4.5.4)
check_physical_width:
    leaf 0x80000008
    movzx ecx, ah
    movzx r12d, al
    mov r13d, ecx
    cmp r12d, 36
    check_flag "MAXPHYADDR is 36 or above", ae
    cmp r12d, 52
    check_flag "MAXPHYADDR is 52 or below", be
    mov esi, 48
    mov eax, 57
    cmp r13d, eax
    cmove esi, eax
    check "linear addresses have 48 bits or 57", r13, rsi
    cmp r12d, 52
    je .no_reserved_bit
    xor eax, eax
    bts rax, r12
    or rax, PAGE_PRESENT
    mov [own_pages], rax
    raises "the bit at MAXPHYADDR is reserved in a page-table entry", PF, 9, {mov al, [abs OWN_PAGES]}
    xor eax, eax
    dec r12d
    bts rax, r12
    or rax, PAGE_PRESENT
    mov [own_pages], rax
    survives "the bit below MAXPHYADDR is an address bit in a page-table entry", {mov al, [abs OWN_PAGES]}
    mov qword [own_pages], 0
    invlpg [abs OWN_PAGES]
    ret
.no_reserved_bit:
    skip "the bit at MAXPHYADDR is reserved in a page-table entry", "MAXPHYADDR is 52"
    ret

; A bit of CR4 can be set if CPUID has its feature, and raises #GP(0) if not (SDM 3A 2.5).
;       name, leaf, register, bit of the feature, bit of CR4
%macro check_cr4_bit 5
    leaf %2
    xor edi, edi
    bt %3, %4
    setnc dil
    mov rax, cr4
    mov r12, rax
    bts rax, %5
    try
    expect_here
    mov cr4, rax
    mov cr4, r12
    caught
    xor esi, esi
    cmp dword [exception.vector], VECTOR_GP
    sete sil
    check {"setting CR4.", %1, " faults exactly if CPUID lacks the feature"}, rsi, rdi
%endmacro

check_cr4_features:
    check_cr4_bit "VME", 1, edx, 1, 0
    check_cr4_bit "PVI", 1, edx, 1, 1
    check_cr4_bit "TSD", 1, edx, 4, 2
    check_cr4_bit "DE", 1, edx, 2, 3
    check_cr4_bit "PSE", 1, edx, 3, 4
    check_cr4_bit "MCE", 1, edx, 7, 6
    check_cr4_bit "PGE", 1, edx, 13, 7
    check_cr4_bit "UMIP", 7, ecx, 2, 11
    check_cr4_bit "FSGSBASE", 7, ebx, 0, 16
    check_cr4_bit "PCIDE", 1, ecx, 17, 17
    check_cr4_bit "OSXSAVE", 1, ecx, 26, 18
    check_cr4_bit "PKE", 7, ecx, 3, 22
    ; With SMEP no user page can be executed at level 0, and this code stands in such.
    and qword [pml4], ~PAGE_USER
    mov rax, cr3
    mov cr3, rax
    check_cr4_bit "SMEP", 7, ebx, 7, 20
    check_cr4_bit "SMAP", 7, ebx, 20, 21
    or qword [pml4], PAGE_USER
    mov rax, cr3
    mov cr3, rax
    if_tcg_machine .no_smxe
    check_cr4_bit "SMXE", 1, ecx, 6, 14
    ret
.no_smxe:
    skip "setting CR4.SMXE faults exactly if CPUID lacks the feature", "QEMU's own CPU hangs"
    ret

; SDM 2A, CPUID, leaf 1: ECX[31] is 0 on every CPU; a hypervisor sets it, and has leaves of its own.
check_hypervisor:
    if_bare .none
    leaf HYPERVISOR_LEAF
    mov esi, eax
    shr esi, 8
    check "the largest hypervisor leaf is one of 400000xxH", rsi, 0x400000
    or ebx, ecx
    or ebx, edx
    check_flag "a hypervisor tells a signature", nz
    ret
.none:
    skip "the largest hypervisor leaf is one of 400000xxH", "no hypervisor"
    ret

section .real
bits 16
cpuid_in_real_mode:
    leaf 0x80000008
    ret
