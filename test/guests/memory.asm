; Memory as a hypervisor must give it: first touches by each kind and size of access, page tables in untouched pages,
; accessed and dirty bits, all of RAM at 4-KiB and 2-MiB steps, and what lies where no RAM is.

%include "lib/guest.inc"

; Up to here the image and the page tables lie; from here on no byte has been touched.
FRESH equ 16 << 20
; Multiboot information (Multiboot 0.6.96, 3.3): memory above 1 MiB in KiB, if flag 0 is set.
MULTIBOOT_FLAGS equ 0
MULTIBOOT_UPPER equ 8
; Linear and guest-physical: the PC has no RAM and no device there.
HOLE equ 0xa0000000

main:
    mov edi, [multiboot_information]
    mov eax, [rdi + MULTIBOOT_FLAGS]
    and eax, 1
    check "the boot loader tells how much memory there is", rax, 1
    mov r15d, [rdi + MULTIBOOT_UPPER]
    shl r15, 10
    add r15, 1 << 20
    cmp r15, FRESH + (16 << 20)
    check_flag "there is RAM beyond 32 MiB", ae
    call check_zeros
    call check_first_touches
    call check_page_tables
    call check_accessed_and_dirty
    call check_all_of_ram
    jmp check_hole

; A hypervisor gives zeroed RAM; firmware and boot loader of a machine leave what they like.
check_zeros:
    if_bare .unknown
    if_tcg_machine .unknown
    mov edi, FRESH + (8 << 20)
    mov rcx, r15
    sub rcx, rdi
    shr rcx, 3
    xor eax, eax
    repe scasq
    check_flag "untouched RAM is 0", e
    ret
.unknown:
    skip "untouched RAM is 0", "on a bare machine it may hold anything"
    ret

; The next untouched page in RBX. Changes flags.
%macro next_page 0
    add ebx, PAGE_SIZE
%endmacro

; Makes the first touch of a page, at RBX, by %2, and checks that it reads back as RSI at %3, in as many bytes as %4 has.
%macro check_touch 4
    next_page
    %2
    mov rax, [rbx + %3]
    mov rdi, %4
    and rax, rdi
    mov r8, rsi
    and r8, rdi
    check {"the first touch of a page by ", %1}, rax, r8
%endmacro

; The same for the last bytes of a page and the first of the next.
%macro check_crossing 3
    next_page
    %2
    mov rax, [rbx + PAGE_SIZE - %3]
    check {"the first touch of two pages by ", %1}, rax, rsi
    next_page
%endmacro

; Each access here is the first to its page, or to two.
check_first_touches:
    mov ebx, FRESH
    mov rsi, 0x8877665544332211
    movq xmm1, rsi
    check_touch "a write of a byte", {mov [rbx + 5], sil}, 5, 0xff
    check_touch "a write of a word", {mov [rbx + 6], si}, 6, 0xffff
    check_touch "a write of a doubleword", {mov [rbx + 8], esi}, 8, 0xffffffff
    check_touch "a write of a quadword", {mov [rbx + 16], rsi}, 16, -1
    check_touch "a write of 16 bytes", {movups [rbx + 32], xmm1}, 32, -1
    check_touch "XCHG", {call .exchange}, 8, -1
    check_touch "CMPXCHG8B", {call .compare}, 8, -1
    check_touch "PUSH", {call .push}, 0xff8, -1
    check_touch "MOVSQ", {call .move}, 0x100, -1
    check_touch "FXSAVE", {call .save}, 160 + 16, -1
    check_crossing "a write of a quadword", {mov [rbx + PAGE_SIZE - 3], rsi}, 3
    check_crossing "a write of 16 bytes", {movups [rbx + PAGE_SIZE - 1], xmm1}, 1
    check_crossing "STOSQ", {call .store}, 5
    check_crossing "LOCK XADD", {call .add}, 4
    next_page
    survives "the first touch of a page by a read", {mov rax, [rbx]}
    next_page
    survives "the first touch of two pages by a read", {mov rax, [rbx + PAGE_SIZE - 4]}
    next_page
    next_page
    survives "the first touch of a page by PREFETCHW", {prefetchw [rbx]}
    survives "the first touch of a page by CLFLUSH", {clflush [rbx + 64]}

    ; The first touch by a fetch: behind the page with zeros, which is ADD [RAX], AL, lies a RET.
    next_page
    mov byte [rbx + PAGE_SIZE], 0xc3
    if_bare .no_zeros
    if_tcg_machine .no_zeros
    lea rax, [.scratch]
    lea rdi, [rbx + PAGE_SIZE - 16]
    try
    call rdi
    caught
    check_no_exception "the first touch of a page by a fetch"
    jmp .fetched
.no_zeros:
    skip "the first touch of a page by a fetch", "on a bare machine it may hold anything"
.fetched:

    ; The first touch of a page by the push of an exception, and by a load of descriptors.
    next_page
    next_page
    mov [tss + TSS_IST1], rbx
    raises "the first touch of a page by an exception's frame", UD, none, ud2
    mov dword [tss + TSS_IST1], exception_stack_top
    ret
.exchange:
    mov rax, rsi
    xchg [rbx + 8], rax
    ret
.compare:
    push rbx
    mov rdi, rbx
    mov rax, rsi
    mov rcx, rsi
    shr rcx, 32
    mov ebx, esi
    ; Without a match the old value is loaded, with which it is tried again.
.again:
    lock cmpxchg8b [rdi + 8]
    jnz .again
    pop rbx
    ret
.push:
    mov rdi, rsp
    lea rsp, [rbx + PAGE_SIZE]
    push rsi
    mov rsp, rdi
    ret
.move:
    push rsi
    mov [.scratch], rsi
    lea rsi, [.scratch]
    lea rdi, [rbx + 0x100]
    movsq
    pop rsi
    ret
.save:
    fxsave64 [rbx]
    ret
.store:
    mov rax, rsi
    lea rdi, [rbx + PAGE_SIZE - 5]
    stosq
    ret
.add:
    mov rax, rsi
    lock xadd [rbx + PAGE_SIZE - 4], rax
    sub [rbx + PAGE_SIZE - 4], rax
    ret
section .bss
    alignb 8
check_first_touches.scratch: resq 2
section .text

; A page table in a page that only the CPU has touched: it reads what is there, which a write changes.
check_page_tables:
    mov ebx, FRESH + (4 << 20)
    mov rax, rbx
    or eax, PAGE_ALL
    mov r12, [page_directories + ((OWN_PAGES >> 21) + 1) * 8]
    mov [page_directories + ((OWN_PAGES >> 21) + 1) * 8], rax
    mov rax, cr3
    mov cr3, rax
    mov edi, OWN_PAGES + (2 << 20)
    if_bare .unknown
    if_tcg_machine .unknown
    raises "a page table in an untouched page has no entries", PF, 0, {mov al, [rdi]}
    jmp .write
.unknown:
    skip "a page table in an untouched page has no entries", "on a bare machine it may hold anything"
.write:
    mov eax, FRESH + (4 << 20) + PAGE_SIZE
    mov esi, 0x12345678
    mov [rax], rsi
    or eax, PAGE_ALL
    mov [rbx], rax
    invlpg [rdi]
    mov rax, [rdi]
    check "a page table in a fresh page is walked", rax, rsi
    mov [page_directories + ((OWN_PAGES >> 21) + 1) * 8], r12
    mov rax, cr3
    mov cr3, rax
    ret

; SDM 3A 4.8
check_accessed_and_dirty:
    mov qword [own_pages], FRESH | PAGE_ALL
    and qword [page_directories + (OWN_PAGES >> 21) * 8], ~PAGE_ACCESSED
    mov rax, cr3
    mov cr3, rax
    mov al, [abs OWN_PAGES]
    mov rax, [own_pages]
    and eax, PAGE_ACCESSED | PAGE_DIRTY
    check "a read sets the accessed bit", rax, PAGE_ACCESSED
    mov rax, [page_directories + (OWN_PAGES >> 21) * 8]
    and eax, PAGE_ACCESSED
    check "a read sets the accessed bit of the directory's entry", rax, PAGE_ACCESSED
    mov [abs OWN_PAGES], al
    mov rax, [own_pages]
    and eax, PAGE_ACCESSED | PAGE_DIRTY
    check "a write sets the dirty bit", rax, PAGE_ACCESSED | PAGE_DIRTY
    mov qword [own_pages], 0
    invlpg [abs OWN_PAGES]
    ret

; Writes to each page its own address and reads it back when all are written.
check_all_of_ram:
    mov esi, 2 << 20
    call .write_and_count
    check "RAM at steps of 2 MiB holds what was written", rax, 0
    mov esi, PAGE_SIZE
    call .write_and_count
    check "RAM at steps of 4 KiB holds what was written", rax, 0
    ret
; RAX = how many places at steps of RSI do not.
.write_and_count:
    mov edi, FRESH + (8 << 20)
.write:
    mov [rdi + 8], rdi
    add rdi, rsi
    cmp rdi, r15
    jb .write
    mov edi, FRESH + (8 << 20)
    xor eax, eax
.read:
    cmp [rdi + 8], rdi
    je .same
    inc eax
.same:
    add rdi, rsi
    cmp rdi, r15
    jb .read
    ret

; The PC's bus answers a read with ones where nobody else does.
check_hole:
    mov ebx, HOLE
    mov rsi, -1
    movzx eax, byte [rbx + 3]
    check "a byte where no RAM is reads as ones", rax, 0xff
    movzx eax, word [rbx + 7]
    check "a word where no RAM is reads as ones", rax, 0xffff
    mov eax, [rbx + 8]
    mov edi, 0xffffffff
    check "a doubleword where no RAM is reads as ones", rax, rdi
    mov rax, [rbx + 16]
    check "a quadword where no RAM is reads as ones", rax, rsi
    mov rax, [rbx + PAGE_SIZE - 3]
    check "a quadword across two pages without RAM reads as ones", rax, rsi
    mov dword [rbx + 8], 0x12345678
    mov eax, [rbx + 8]
    check "a write where no RAM is does nothing", rax, rdi
    xor eax, eax
    or eax, [rbx]
    check "an OR with what is not there", rax, rdi
    movzx eax, word [rbx]
    cmp byte [rbx], 0xff
    check_flag "a CMP with what is not there", e
    mov ecx, 4
    lea rdi, [check_first_touches.scratch]
    mov esi, HOLE + 0x100
    rep movsd
    check "MOVSD from where no RAM is reads ones", qword [check_first_touches.scratch], -1
    lea rsi, [check_first_touches.scratch]
    mov edi, HOLE + 0x100
    mov ecx, 4
    rep movsd
    mov esi, HOLE + 0x110
    check "MOVSD to where no RAM is moves RDI", rdi, rsi
    ret
