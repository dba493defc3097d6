# A Proxim guest of plain and sealed sessions in Ruby 3.1, by its standard library alone, and what
# drives it for a check: `proxim conform guest -- ruby docs/examples/conform_guest.rb`.
%w[monitor openssl securerandom uri].each { |name| require name }
require_relative "wire"

# The notation of sealing.md, and the functions of RFC 9180 (HPKE), on strings of bytes.
module Sealing
  VISIBLE = /[\p{L}\p{N}\p{P}\p{S}&&[^\u2800\u{1d159}\u{13441}\u{13442}]]/
  # Joiners and variation selectors may stand anywhere, since Ruby has no tables for their places.
  FORBIDDEN = /(?![\u200c\u200d\ufe0e\ufe0f])(?:[\p{Cc}\p{Cf}\p{Co}\p{Zl}\p{Zp}]|\p{DI})
               |[\p{Mn}\p{Me}]{3}/x
  ZEROS = ("\0" * 32).b
  KEY = ["302a300506032b656e032100"].pack("H*") # What stands before a public key in DER.
  KEM, SUITE = "KEM\x00\x20", "HPKE\x00\x20\x00\x01\x00\x03"

  module_function

  def check(is_right) = is_right || raise(Strict::Fault)
  def opens? = yield.then { true } rescue false # A value of another type fails as well.
  def name?(name) = name.size <= 64 && name.match?(VISIBLE) && !name.match?(FORBIDDEN)
  def new_key = OpenSSL::PKey.generate_key("X25519")
  def public_key(key) = key.public_to_der[-32..]
  def x25519(key, peer) = key.derive(OpenSSL::PKey.read(KEY + peer)) # Raises if it is all zeros.
  def info(*fields) = ["proxim seal 1", *fields].map { |f| [f.bytesize].pack("n") + f.b }.join
  def hmac(key, *parts) = OpenSSL::HMAC.digest("SHA256", key, parts.map(&:b).join)
  def nonce(number) = [0, number].pack("NQ>")
  def kdf(key, size, *fields) =
    OpenSSL::KDF.hkdf(key, salt: ZEROS, info: info(*fields), length: size, hash: "SHA256")
  def extract(suite, label, key, salt = ZEROS) = hmac(salt, "HPKE-v1", suite, label, key)
  def expand(suite, key, label, context, size = 32) = # By one block of HKDF: HPKE needs no more.
    hmac(key, [size].pack("n"), "HPKE-v1", suite, label, context, "\x01")[0, size]
  def cipher(mode, key, nonce) =
    OpenSSL::Cipher.new("chacha20-poly1305").send(mode).tap { |c| c.key, c.iv = key, nonce }
  def encrypt(key, nonce, text) =
    cipher(:encrypt, key, nonce).then { |c| c.update(text) + c.final + c.auth_tag }

  def decrypt(key, nonce, sealed)
    opening = cipher(:decrypt, key, nonce)
    opening.auth_tag = check(sealed.bytesize > 16) && sealed[-16..]
    opening.update(sealed[0...-16]) + opening.final
  end
end

# The guest's side of a sealed session, by the names of sealing.md. What does not open raises.
class Seal
  include Sealing, Strict
  attr_reader :token, :number, :is_declined
  attr_writer :is_stale # The peer may have been reloaded, so its hello has to come.
  attr_accessor :must_start # It has come back, and starts as soon as the peer is online.
  def initialize(session_id, seed, host_key, &say_hello)
    seed, @host_key = decode(seed, 32), decode(host_key, 32)
    @token, @psk = encode(kdf(seed, 32, "token")), kdf(seed, 32, "psk")
    @info, @say_hello, @answered = info("hpke", session_id), say_hello, []
    check(session_id.size >= 16)
  end

  def request(name) # By HPKE with a pre-shared key, and by the names of RFC 9180.
    @own, ephemeral = new_key, new_key
    enc, psk_id = public_key(ephemeral), encode(OpenSSL::Digest::SHA256.digest(@token))
    context = 1.chr + extract(SUITE, "psk_id_hash", psk_id) + extract(SUITE, "info_hash", @info)
    dh = extract(KEM, "eae_prk", x25519(ephemeral, @host_key))
    secret = extract(SUITE, "secret", @psk, expand(KEM, dh, "shared_secret", enc + @host_key))
    @s = expand(SUITE, expand(SUITE, secret, "exp", context), "sec", info("S"))
    key = expand(SUITE, secret, "key", context)
    nonce = expand(SUITE, secret, "base_nonce", context, 12)
    text = JSON.generate({ v: 1, name: name.unicode_normalize, k: encode(public_key(@own)) })
    encode(1.chr + enc + encrypt(key, nonce, text.b.ljust(640)))
  end

  def ack(seal)
    return if @k_h || !@own # The first that opens counts, and none after the answer.
    x25519(@own, k_h = open("ack", seal, 80)) # Has to be possible.
    @k_h, @number = k_h, (100 + kdf(@s, 8, "code", k_h).unpack1("Q>") % 900).to_s
  end

  def answer(seal)
    parse(open("answer", seal, 1072)) => { v: 1, yes: true | false => yes, name: String => name,
      type: "one_time" | "persistent" | "temporary", left: nil | Integer | Decimal => left }
    check(name?(name) && left.to_s.to_f.between?(0, Float::MAX))
    return @is_declined = true unless yes
    @k_h ? adopt(@own, @k_h) : @must_start = true # Without an ack a hello begins an epoch.
    @deadline, @own = left ? now + left.to_s.to_f : Float::INFINITY, nil
  end

  def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
  def box_key(kind, role, salt) = kdf(@s, 32, "box", kind, role, salt)
  def open(kind, seal, size) = decode(seal, size).unpack("a32a*")
    .then { |salt, box| decrypt(box_key(kind, "h", salt), nonce(0), box) }
  def approved? = !@deadline.nil?
  def over? = approved? && now > @deadline
  def ready? = @epoch && !@out && !@is_stale && !@must_start
  def unanswered? = @out && now > @out_since + 10
  def reload = (@epoch, @adopted, @out, @must_start = nil, nil, nil, true) # The rest is stored.

  def start = hello(ZEROS, new_key).then { @must_start = false }

  def seal(value)
    text = encrypt(@to_host, nonce(@sent), JSON.generate(value))
    { s: 1, e: encode(@epoch), n: (@sent += 1) - 1, c: encode(text) }
  end

  def receive(data) # Gives the block the value of a signal, if it has one.
    case data
    in { s: 1, h: box } then hear(*open("hello", box, 112).unpack("a32a32"))
    in { s: 1, e: String => e, n: 0..0x1fffffffffffff => n, c: String => c }
      return if decode(e, 8) != @epoch || n <= @opened # It is from before, or came twice.
      text, @opened = decrypt(@to_guest, nonce(n), decode(c, 1..)), n
      yield parse(text, 31)
    end
  end

  def hello(peer, key = @out || new_key)
    @out_since = now if key != @out
    @out, @last, salt = key, peer, SecureRandom.bytes(32)
    box = encrypt(box_key("hello", "g", salt), nonce(0), public_key(key) + peer)
    @say_hello.call({ s: 1, h: encode(salt + box) })
  end

  def hear(peer, mine)
    @answered.reject! { |time| now > time + 1 }
    if @out && mine == public_key(@out)
      adopt(@out, peer)
      hello(peer) if @last != peer
      @out = nil
    elsif @adopted != mine + peer && @answered.size < 5
      @answered << now
      hello(peer)
    end
  end

  def adopt(own, peer)
    keys = kdf(x25519(own, peer) + @s, 72, "epoch", public_key(own), peer)
    @to_host, @to_guest, @epoch = keys.unpack("a32a32a8")
    @adopted, @sent, @opened, @is_stale = public_key(own) + peer, 0, -1, false
  end
end

# A guest of one session: it asks, waits for the approval, exchanges signals, and comes back.
# An app keeps the request, the resume token, and what Seal has in a store of its own.
class Guest
  include MonitorMixin
  include Sealing
  LINK = %r{\A(https?://[^/?#@]+[^?#]*?)/join/?(?:\?[^#]*)?#([\w-]+)\.([\w-]+)(?:\.([\w-]+))?\z}
  def initialize(&tell)
    super()
    @tell, @unsent, @failures, @is_host_online = tell, [], 0, true
  end

  # Takes an instruction of the check, such as { do: "close" }.
  def obey(order)
    case order
    in { do: "pair", link:, name: }
      finish("error", code: "invalid_link") unless opens? { pair(link.strip, name) }
    in { do: "send", data: } then @unsent << data
    in { do: "close" } then @is_closing = true
    in { do: "reload" } then reload
    in { do: "tick" } # Comes each second.
      leave("expired") if @seal&.over?
      @seal.start if @is_seated && @is_host_online && @seal&.unanswered?
    in { do: what } then tell("unsupported", what:)
    end
    flush
  end

  private

  def pair(link, name)
    base, @session_id, token, host_key = LINK.match(link).captures
    @url, device = URI("#{base}/ws"), { name:, id: SecureRandom.uuid }
    @request = ["pair_request", { token:, device_info: device }]
    if host_key
      @seal = Seal.new(@session_id, token, host_key) { |hello| say("signal", data: hello) }
      device[:name] = "Sealed device"
      @request[1].update(token: @seal.token, seal: @seal.request(name))
    end
    connect
  end

  def reload # Does as if the program had ended, and starts again with what it has stored.
    @is_approved, @is_closing, @code, @unsent, @is_host_online = false, false, nil, [], true
    @seal&.reload
    connect
  end

  def connect(pause = 0)
    @socket&.close(1000)
    @is_seated = false
    @thread = Thread.new { run(pause) }
  end

  def run(pause) # Holds a connection until it is lost, or the guest has another one.
    sleep(pause)
    socket = WebSocket.new(@url)
    mine { @socket = socket } || socket.close(1000)
    code = socket.each_text { |text| mine { hear(Strict.parse(text)) } }
    mine { lost(code) }
  rescue *WebSocket::FAULTS, Strict::Fault
    mine { lost(1006) }
  end

  def lost(code)
    return finish("error", code: "connection_lost") if [1002, 1007, 1009, 4000].include?(code)
    connect([60, 2**@failures].min * rand(0.5..1.0))
    @failures += 1
  end

  def hear(message)
    return unless [nil, @session_id].include?(message[:session_id])
    @features = message[:features] if message[:type] == "welcome"
    case message
    in { type: "welcome" } if @seal && !message[:features]&.include?("seal")
      finish("error", code: "seal_unavailable")
    in { type: "welcome" } then say(@request[0], ref: "seat", **@request[1])
    in { type: "pair_pending" } then seated(message)
    in { type: "resumed", session: { status: } }
      seated(message)
      ack(message[:ack])
      result(status, message[:seal])
      @seal.must_start ||= @is_approved if @seal
      peer(message[:host_online]) if @is_approved
    in { type: "pair_ack", seal: } then ack(seal)
    in { type: "pair_result", status: } then result(status, message[:seal])
    in { type: "signal", data: } then signal(data) if @is_approved
    in { type: "peer_online" | "peer_offline" => type } if @is_approved
      peer(type == "peer_online")
    in { type: "session_ended", reason: "rejected" } if @seal && !@seal.is_declined
      finish("ended", reason: "unconfirmed")
    in { type: "session_ended", reason: } then finish("ended", reason:)
    in { type: "error", ref: "seat", retry_after: Integer | Decimal => s } then connect(s.to_s.to_f)
    in { type: "error", ref: "seat", code: } then finish("error", code:)
    in { type: "error", code: } then tell("error", code:) # It is not the end.
    else return # A message of a later version.
    end
    flush
  end

  def seated(message)
    @request = ["resume", message.slice(:resume_token)] if message[:resume_token]
    @is_seated, @failures = true, 0
    show(message[:code]) unless @seal
  end

  def ack(seal)
    return if !@seal || @is_approved
    opens? { @seal.ack(seal) }
    show(@seal.number)
  end

  def result(status, answer)
    return if @is_approved
    opens? { @seal.answer(answer) } if @seal && !@seal.approved?
    return if status != "approved"
    return leave("tampered") if @seal && !@seal.approved?
    @is_approved = true
    tell("approved")
  end

  def signal(data)
    return tell("signal", data:) unless @seal
    return if opens? { @seal.receive(data) { |value| tell("signal", data: value) } }
    return if @noticed && Time.now < @noticed + 60
    @noticed = Time.now
    tell("notice", notice: "tampered")
  end

  def peer(is_online)
    @seal&.is_stale = true unless is_online
    tell("peer", online: is_online) if is_online != @is_host_online
    @is_host_online = is_online
  end

  def flush # Sends what has waited for the approval, the seat, or a new epoch.
    return unless @is_seated
    return cancel unless @is_approved
    @seal.start if @is_host_online && @seal&.must_start
    until @unsent.empty? || (@seal && !(@is_host_online && @seal.ready?))
      say("signal", data: @seal ? @seal.seal(@unsent[0]) : @unsent[0]) ? @unsent.shift : return
    end
    @is_closing &&= !say("close_session")
  end

  def cancel = @is_closing &&= !(@features&.include?("pair_cancel") && say("pair_cancel"))
  def mine = synchronize { yield if Thread.current == @thread }
  def show(code) = code && code != @code && tell("code", code: @code = code)
  def tell(kind, **fields) = @tell.call({ told: kind, **fields })
  def say(type, **fields) = @socket.write({ type:, session_id: @session_id, **fields }.to_json)
  def leave(reason) = say("close_session").then { finish("ended", reason:) }

  def finish(kind, **fields)
    @socket&.close(1000)
    @thread = @seal = @request = @is_approved = nil
    tell(kind, **fields)
  end
end

Thread.abort_on_exception = $stdout.sync = true
guest = Guest.new { |told| $stdout.write("#{JSON.generate(told)}\n") }
Thread.new { loop { sleep(1) && guest.synchronize { guest.obey({ do: "tick" }) } } }
$stdin.each_line { |line| guest.synchronize { guest.obey(Strict.parse(line)) } }
