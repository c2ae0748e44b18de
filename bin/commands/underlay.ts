/**
 * `--underlay` of `weft switch`: what carries the packets of VXLAN ports.
 * Neighbours: switch.ts; ../../dataplane/tunnel/underlay.ts says what there is.
 */
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIP } from 'node:net'
import { openPacketPort } from '../../dataplane/ports/packet-socket.ts'
import type { UnderlayOptions } from '../../dataplane/tunnel/underlay.ts'
import { parseMac } from '../../southbound/wire/address.ts'
import { SwitchError } from './switch-error.ts'

export interface OpenUnderlay {
  readonly options: UnderlayOptions
  close(): void
}

const FORM =
  'udp, udp:ADDRESS,mtu=BYTES or packet:DEVICE,ADDRESS/PREFIX,via=GATEWAY,mac=MAC,mtu=BYTES (mtu, mac and via need not be; a via for each family)'
const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i

/** Opens the device where there is one. Rejects with SwitchError or PortError. */
export async function openUnderlay(text: string): Promise<OpenUnderlay> {
  const [, kind, rest = ''] = /^(udp|packet)(?::(.+))?$/.exec(text) ?? []
  const words = rest.split(',').filter((word) => word !== '')
  const mtu = take(words, 'mtu=')
  const vias = [take(words, 'via='), take(words, 'via=')].filter((each) => each !== undefined)
  const own = take(words, 'mac=')
  const mtuBytes = mtu === undefined ? undefined : Number(mtu)
  if (kind === undefined || (mtu !== undefined && !/^\d+$/.test(mtu))) throw badUnderlay(text)
  if (own !== undefined && !MAC.test(own)) throw badUnderlay(text)
  const size = mtuBytes !== undefined && { mtuBytes }
  if (kind === 'udp') {
    if (vias.length > 0 || own !== undefined) throw badUnderlay(text)
    for (const address of words) await checkAddress(text, address)
    return { options: { kind, ...(words.length > 0 && { addresses: words }), ...size }, close() {} }
  }
  const [device, ...addresses] = words
  if (device === undefined || addresses.length === 0) throw badUnderlay(text)
  for (const address of addresses) {
    const [, host = '', prefix = ''] = /^(.+)\/(\d+)$/.exec(address) ?? []
    if (Number(prefix) > (isIP(host) === 6 ? 128 : 32) || isIP(host) === 0) {
      throw new SwitchError(`--underlay ${text}: '${address}' would be ADDRESS/PREFIX`)
    }
  }
  const port = await openPacketPort(device).catch((error: Error) => {
    throw new SwitchError(`--underlay ${text}: ${error.message}`, { cause: error })
  })
  // Locally administered, unicast: the device's own address is its owner's.
  const mac = own === undefined ? 0x02_00_00_00_00_00 + randomInt(2 ** 40) : parseMac(own)
  const routes = vias.map((via) => ({ to: 'default', via }))
  return { options: { port, mac, addresses, routes, ...size }, close: () => port.close() }
}

/** Tunnels could not send from there: said at once, not to the log alone. */
async function checkAddress(text: string, address: string): Promise<void> {
  const version = isIP(address)
  if (version === 0) {
    throw new SwitchError(`--underlay ${text}: '${address}' is no address; it would be ${FORM}`)
  }
  const socket = createSocket(version === 4 ? 'udp4' : 'udp6')
  try {
    socket.bind(0, address)
    await once(socket, 'listening')
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? (error as Error).message
    throw new SwitchError(
      `--underlay ${text}: ${address} is no address of this machine (${why}); ` +
        'it wants one that `ip address` shows, or none for all of them',
    )
  } finally {
    socket.close()
  }
}

/** Removes the word that begins so, and gives what follows. */
function take(words: string[], begin: string): string | undefined {
  const at = words.findIndex((word) => word.startsWith(begin))
  return at < 0 ? undefined : words.splice(at, 1)[0]?.slice(begin.length)
}

const badUnderlay = (text: string) => new SwitchError(`--underlay ${text} would be ${FORM}`)
