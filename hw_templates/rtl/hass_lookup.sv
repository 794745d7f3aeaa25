// Words of a read-only memory by their address: in the cycle after `read`, until the next one.
//
// The words lie in banks of BANK, as hass_block_memory cuts them; the files of the banks are
// <FILE>_00000.mem, <FILE>_00001.mem, ...
module hass_lookup #(
    parameter int DEPTH = 512,
    parameter int WIDTH = 36,
    parameter int BANK = 512,
    parameter int BLOCK = 1,  // block RAM; 0: LUTs
    parameter FILE = "",
    parameter int ADDRESS_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input  logic                    clk,
    input  logic                    read,
    input  logic [ADDRESS_BITS-1:0] address,
    output logic [WIDTH-1:0]        word
);
    localparam int BANKS = (DEPTH + BANK - 1) / BANK;
    localparam int BANK_BITS = BANKS > 1 ? $clog2(BANKS) : 1;
    localparam int WORD_BITS = BANKS > 1 ? $clog2(BANK) : ADDRESS_BITS;

    logic [BANKS*WIDTH-1:0] found;
    logic [BANK_BITS-1:0] bank_shown;
    genvar b;
    generate
        for (b = 0; b < BANKS; b = b + 1) begin : bank
            localparam int WORDS = b < BANKS - 1 ? BANK : DEPTH - b * BANK;
            localparam int BITS = WORDS > 1 ? $clog2(WORDS) : 1;
            localparam logic [39:0] NUMBER = {
                8'(48 + b / 10000), 8'(48 + b / 1000 % 10), 8'(48 + b / 100 % 10),
                8'(48 + b / 10 % 10), 8'(48 + b % 10)
            };
            if (FILE == "") begin : unnamed
                hass_rom #(.DEPTH(WORDS), .WIDTH(WIDTH), .BLOCK(BLOCK)) rom (
                    .clk, .read, .address(address[BITS-1:0]), .word(found[b*WIDTH+:WIDTH]));
            end else begin : named
                hass_rom #(
                    .DEPTH(WORDS), .WIDTH(WIDTH), .BLOCK(BLOCK), .FILE({FILE, "_", NUMBER, ".mem"})
                ) rom (
                    .clk, .read, .address(address[BITS-1:0]), .word(found[b*WIDTH+:WIDTH]));
            end
        end
        if (BANKS > 1) begin : several
            always_ff @(posedge clk)
                if (read) bank_shown <= address[ADDRESS_BITS-1:WORD_BITS];
        end else begin : one
            assign bank_shown = '0;
        end
    endgenerate
    hass_select #(.WORDS(BANKS), .WIDTH(WIDTH)) select (
        .words(found), .index(bank_shown), .word);
endmodule
