// Shows the words of a read-only memory one after the other, from the first to the last and again:
// the next one in the cycle after `step`, a word a cycle. The first is there a cycle after reset.
// FILE and BANK: as of hass_lookup.
module hass_weights #(
    parameter int DEPTH = 512,
    parameter int WIDTH = 36,
    parameter int BANK = 512,
    parameter int BLOCK = 1,  // block RAM; 0: LUTs
    parameter FILE = ""
) (
    input  logic             clk,
    input  logic             rst,
    input  logic             step,
    output logic             valid,
    output logic [WIDTH-1:0] word
);
    localparam int ADDRESS_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;

    logic read;
    logic [ADDRESS_BITS-1:0] address;  // of the word after the one that is shown
    assign read = step | !valid;
    always_ff @(posedge clk) valid <= !rst;
    hass_counter #(.SIZE(DEPTH)) addresses (.clk, .rst, .step(read), .value(address), .last());
    hass_lookup #(
        .DEPTH(DEPTH), .WIDTH(WIDTH), .BANK(BANK), .BLOCK(BLOCK), .FILE(FILE)
    ) words (
        .clk, .read, .address, .word);
endmodule
