// As hass_lookup, in UltraRAM, which no bitstream fills on UltraScale+ parts: after each reset the
// words are loaded from the first to the last, one in each cycle with `load`; then it is `loaded`.
module hass_loaded_lookup #(
    parameter int DEPTH = 4096,
    parameter int WIDTH = 72,
    parameter int ADDRESS_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1
) (
    input  logic                    clk,
    input  logic                    rst,
    input  logic                    load,
    input  logic [WIDTH-1:0]        load_word,
    output logic                    loaded,
    input  logic                    read,
    input  logic [ADDRESS_BITS-1:0] address,
    output logic [WIDTH-1:0]        word
);
    logic is_last;
    logic [ADDRESS_BITS-1:0] load_address;
    hass_counter #(.SIZE(DEPTH)) loads (
        .clk, .rst, .step(load), .value(load_address), .last(is_last));
    always_ff @(posedge clk)
        if (rst) loaded <= 1'b0;
        else if (load & is_last) loaded <= 1'b1;
    hass_memory #(.DEPTH(DEPTH), .WIDTH(WIDTH), .ULTRA(1)) memory (
        .clk, .write(load), .write_address(load_address), .in(load_word), .read,
        .read_address(address), .out(word));
endmodule
