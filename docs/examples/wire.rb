# What conform_guest.rb misses in Ruby's standard library, and is not about Proxim: JSON and
# base64url that are read strictly, and a WebSocket client.
%w[base64 json openssl securerandom socket timeout].each { |name| require name }

# A number that is not an integer, as it was written: as a Float some would be changed.
Decimal = Struct.new(:to_s) { def to_json(*) = to_s }

# Reads JSON and base64url, and raises `Fault` for what is neither.
module Strict
  Fault = Class.new(StandardError)
  STRING = /"(?:[^"\\\x00-\x1f]|\\["\\\/bfnrt]|\\u(?!(?i:d[89a-f]))\h{4}
            |\\u(?i:d[89ab])\h\h\\u(?i:d[c-f])\h\h)*+"/x

  module_function

  # Ruby's JSON alone would take comments, unknown escapes, and half surrogate pairs as well.
  def parse(text, depth = 32)
    text = text.dup.force_encoding("UTF-8")
    raise Fault unless text.valid_encoding? && !text.gsub(STRING, "").match?(%r{["/]})
    JSON.parse(text, max_nesting: depth, decimal_class: Decimal, symbolize_names: true)
  rescue JSON::ParserError
    raise Fault
  end

  def encode(bytes) = Base64.urlsafe_encode64(bytes, padding: false)

  # Returns as many bytes as `size`, a number or a range, says.
  def decode(text, size)
    bytes = text.is_a?(String) ? Base64.urlsafe_decode64(text) : raise(Fault)
    encode(bytes) == text && size === bytes.bytesize ? bytes : raise(Fault)
  rescue ArgumentError
    raise Fault
  end
end

# A connection that offers the subprotocol `proxim.v1`. The kind of a frame is its first byte.
class WebSocket
  FAULTS = [IOError, SystemCallError, SocketError, Timeout::Error, OpenSSL::SSL::SSLError].freeze
  KINDS = [TEXT = 0x81, 0x01, 0x00, LAST = 0x80, CLOSE = 0x88, PING = 0x89, PONG = 0x8a].freeze

  def initialize(url)
    @io = Socket.tcp(url.hostname, url.port, connect_timeout: 10)
    if url.scheme == "https"
      @io = OpenSSL::SSL::SSLSocket.new(@io, OpenSSL::SSL::SSLContext.new.tap(&:set_params))
      @io.hostname, @io.sync_close = url.hostname, true # The certificate has to be for this name.
      Timeout.timeout(10) { @io.connect }
    end
    key = SecureRandom.base64(16)
    @io.write("GET #{url.path} HTTP/1.1\r\nHost: #{url.host}:#{url.port}\r\n" \
              "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" \
              "Sec-WebSocket-Key: #{key}\r\nSec-WebSocket-Protocol: proxim.v1\r\n\r\n")
    head = Timeout.timeout(10) { @io.gets("\r\n\r\n", 8192).to_s }
    proof = OpenSSL::Digest::SHA1.base64digest("#{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
    accepted = head[%r{\AHTTP/1.1 101 .*^sec-websocket-accept:\s*(\S+)}mi, 1]
    raise IOError, "no WebSocket" if accepted != proof
  end

  # Gives the block each text, answers pings, and returns the close code.
  def each_text
    text = "".b
    loop do
      kind, size = read(2).unpack("CC")
      return close(1002) unless KINDS.include?(kind) && size < 128
      size = size == 126 ? read(2).unpack1("n") : read(8).unpack1("Q>") if size > 125
      return close(1009) if text.bytesize + size > 2**20
      payload = read(size)
      return close(1000) && (payload.unpack1("n") || 1005) if kind == CLOSE
      write(payload, PONG) if kind == PING
      text << payload if kind < CLOSE
      yield text.slice!(0..) if [TEXT, LAST].include?(kind)
    end
  end

  # Returns nil if the connection is lost; it is closed then.
  def write(text, kind = TEXT)
    size, mask = text.bytesize, SecureRandom.bytes(4)
    head = size < 126 ? [kind, 128 + size].pack("CC") : [kind, 254, size].pack("CCn")
    head = [kind, 255, size].pack("CCQ>") if size >= 2**16
    masked = text.bytes.zip(mask.bytes.cycle).map { |byte, by| byte ^ by }.pack("C*")
    Timeout.timeout(60) { @io.write(head + mask + masked) }
  rescue *FAULTS
    @io.close
  end

  # Returns the code.
  def close(code)
    write([code].pack("n"), CLOSE)
    @io.close
    code
  end

  private

  # The node pings every 20 s, so a minute of silence means that the connection is lost.
  def read(size)
    bytes = Timeout.timeout(60) { @io.read(size) }
    bytes&.bytesize == size ? bytes : raise(EOFError)
  end
end
