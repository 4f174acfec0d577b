// seal.js: geerpc's sealed channel over the npm package noise-protocol.
//
//   node seal.js call SERVER-KEY KEY-FILE|- HOST PORT COUNT    GeeRPC in JSON through a seal, one call after another
//   node seal.js echo KEY-FILE                                 prints where it listens; sends back what one client says
//
// Both print how many records went each way.
'use strict'

const fs = require('fs')
const net = require('net')
const noise = require('noise-protocol')
const cipherState = require('noise-protocol/cipher-state')({ cipher: require('noise-protocol/cipher')() })

const TAG = 16
const MOST = 65535 - TAG
const REKEY = 1024
const NOTHING = Buffer.alloc(0)

function parseKey (text, prefix) {
  if (!text.startsWith(prefix)) throw new Error('not a key of ' + prefix)
  return Buffer.from(text.slice(prefix.length), 'base64')
}

function readKey (path) {
  return pairOf(parseKey(fs.readFileSync(path, 'utf8').trim(), 'gee-sec:'))
}

function pairOf (secretKey) {
  const publicKey = Buffer.alloc(32)
  require('sodium-universal').crypto_scalarmult_base(publicKey, secretKey)
  return { publicKey, secretKey }
}

function frame (message) {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}

// Reads so many bytes of a socket, in their order; null at its end.
function reader (socket) {
  const chunks = socket[Symbol.asyncIterator]()
  let have = NOTHING
  return async (count) => {
    while (have.length < count) {
      const { value, done } = await chunks.next()
      if (done) return null
      have = Buffer.concat([have, value])
    }
    const taken = have.subarray(0, count)
    have = have.subarray(count)
    return taken
  }
}

class Channel {
  constructor (socket, take, sending, receiving) {
    Object.assign(this, { socket, take, sending, receiving, sent: 0, received: 0, ended: false })
  }

  writeRecord (plain) {
    const message = Buffer.alloc(plain.length + TAG)
    cipherState.encryptWithAd(this.sending, message, NOTHING, plain)
    if (++this.sent % REKEY === 0) cipherState.rekey(this.sending)
    this.socket.write(frame(message))
  }

  write (data) {
    for (let at = 0; at < data.length; at += MOST) this.writeRecord(data.subarray(at, at + MOST))
  }

  // What the next record holds; null for the end.
  async read () {
    const message = await takeFrame(this.take)
    if (message === null) throw new Error('truncated: no end record')
    const plain = Buffer.alloc(message.length - TAG)
    cipherState.decryptWithAd(this.receiving, plain, NOTHING, message)
    if (++this.received % REKEY === 0) cipherState.rekey(this.receiving)
    return plain.length > 0 ? plain : null
  }

  end () {
    this.writeRecord(NOTHING)
    this.socket.end()
  }
}

async function takeFrame (take) {
  const length = await take(2)
  return length === null ? null : take(length.readUInt16BE())
}

// Takes turns until there are ciphers. noise-protocol's tx is that of whoever wrote the last message: Noise's first
// cipher, which is the initiator's for sending.
async function shakeHands (socket, take, preamble, initiator, own, server) {
  const prologue = Buffer.concat([Buffer.from('geerpc-seal-v1'), preamble])
  const state = noise.initialize(preamble[5] === 1 ? 'XK' : 'NK', initiator, prologue, own, null, server)
  let first = initiator ? preamble : NOTHING
  for (let ours = initiator; ; ours = !ours) {
    let split
    if (ours) {
      const message = Buffer.alloc(128)
      split = noise.writeMessage(state, NOTHING, message)
      socket.write(Buffer.concat([first, frame(message.subarray(0, noise.writeMessage.bytes))]))
      first = NOTHING
    } else {
      const message = await takeFrame(take)
      if (message === null) throw new Error('closed in the handshake')
      split = noise.readMessage(state, message, Buffer.alloc(128))
    }
    if (!split) continue
    const [toServer, toClient] = ours ? [split.tx, split.rx] : [split.rx, split.tx]
    return initiator ? new Channel(socket, take, toServer, toClient) : new Channel(socket, take, toClient, toServer)
  }
}

async function call (serverKey, keyFile, host, port, count) {
  const socket = net.connect(port, host)
  const preamble = Buffer.from([0xc1, 0x47, 0x45, 0x45, 1, keyFile === '-' ? 2 : 1, 0, 0])
  const own = keyFile === '-' ? null : readKey(keyFile)
  const channel = await shakeHands(socket, reader(socket), preamble, true, own, parseKey(serverKey, 'gee-pub:'))
  channel.write(Buffer.from('{"MagicNumber":3927900,"CodecType":"application/json"}'))
  for (let i = 0; i < count; i++) {
    channel.write(Buffer.from(`{"ServiceMethod":"Arith.Multiply","Seq":${i}}{"A":${i},"B":3}`))
    const lines = (await channel.read()).toString().trim().split('\n')
    if (JSON.parse(lines[0]).Error !== '' || JSON.parse(lines[1]) !== 3 * i) throw new Error(lines.join(' '))
  }
  channel.end()
  if (await channel.read() !== null) throw new Error('more than was asked for')
  console.log(`${count} calls, ${channel.sent} records sent, ${channel.received} received`)
}

async function echo (keyFile) {
  const own = readKey(keyFile)
  const server = net.createServer(async (socket) => {
    server.close()
    const take = reader(socket)
    const channel = await shakeHands(socket, take, await take(8), false, own, null)
    let total = 0
    for (let plain; (plain = await channel.read()) !== null; total += plain.length) channel.write(plain)
    channel.end()
    console.log(`${total} bytes, ${channel.received} records received, ${channel.sent} sent`)
  })
  server.listen(0, '127.0.0.1', () => console.log(`127.0.0.1:${server.address().port}`))
}

const [what, ...words] = process.argv.slice(2)
const done = what === 'call' ? call(...words.slice(0, 4), Number(words[4])) : echo(...words)
done.catch((error) => {
  console.error('seal.js:', error)
  process.exit(1)
})
process.on('unhandledRejection', (error) => {
  console.error('seal.js:', error)
  process.exit(1)
})
