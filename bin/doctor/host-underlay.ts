/** Checks of what carries this machine's tunnels. Neighbours: host-facts.ts, firewall.ts, check.ts. */
import { overheadBytes } from '../../controller/model/overhead.ts'
import { bad, type Check, type Finding, ok, orWell, unknown, warn } from './check.ts'
import { vxlanFate, xtablesFate } from './firewall.ts'
import { type HostFacts, parsed } from './host-facts.ts'

interface AddressedLink {
  readonly ifname: string
  readonly mtu: number
  readonly operstate: string
  readonly addr_info: readonly { readonly local: string }[]
}

const linksOf = async ({ run }: HostFacts): Promise<readonly AddressedLink[]> =>
  parsed(await run('ip', ['-json', 'address']))

const UNSAID = 'it is not known here: --vtep ADDRESS says it'

export const underlayChecks: readonly Check<HostFacts>[] = [
  {
    name: 'VTEP address',
    looksAt: 'whether the address of the tunnels is on an interface that is up',
    async run(facts) {
      const [{ local }, links] = [await facts.tunnels(), await linksOf(facts)]
      if (local.length === 0) return [unknown(UNSAID)]
      return local.map((address) => {
        const link = holderOf(links, address)
        if (!link)
          return bad(
            `no interface has ${address}`,
            'ip address add, kept by what configures the host; or correct vtepAddress of the host',
          )
        if (link.operstate === 'DOWN')
          return bad(
            `${link.ifname} with ${address} is down`,
            `ip link set ${link.ifname} up; is it plugged in?`,
          )
        return ok(`${address} is on ${link.ifname}`)
      })
    },
  },
  {
    name: 'MTU of the VTEP',
    looksAt:
      'whether its interface carries the longest packet of its networks, with the tunnel around it',
    async run(facts) {
      const [{ local, guestBytes }, links] = [await facts.tunnels(), await linksOf(facts)]
      const found = local.flatMap((address) => {
        const link = holderOf(links, address)
        return link ? [{ address, link }] : []
      })
      if (found.length === 0) return [unknown(local.length === 0 ? UNSAID : 'no interface has it')]
      return found.map(({ address, link: { ifname, mtu } }): Finding => {
        const needed = guestBytes + overheadBytes({ family: address.includes(':') ? 6 : 4 })
        if (guestBytes === 0) return ok(`${ifname} has ${mtu}; there is no network here`)
        if (mtu >= needed) return ok(`${ifname} has ${mtu}, its networks need ${needed}`)
        return bad(
          `${ifname} has ${mtu}, its networks need ${needed}`,
          `ip link set ${ifname} mtu ${needed}, and as much on switches; or lower mtuBytes of the network`,
        )
      })
    },
  },
  {
    name: 'routes to other VTEPs',
    looksAt: 'whether the kernel has a way to each that flows name',
    async run(facts) {
      const { remote } = await facts.tunnels()
      const wrong: Finding[] = []
      for (const address of remote) {
        try {
          await facts.run('ip', ['-json', 'route', 'get', address])
        } catch (error) {
          wrong.push(
            bad(
              `${address}: ${(error as Error).message}`,
              'ip route add, kept by what configures the host',
            ),
          )
        }
      }
      return orWell(
        wrong,
        remote.length === 0 ? 'there are no others' : `to all of ${remote.length}`,
      )
    },
  },
  {
    name: 'firewall',
    looksAt: 'whether rules of nft or iptables drop UDP 4789, as far as they can be read',
    async run({ run }) {
      const fates: { by: string; fate: ReturnType<typeof xtablesFate> }[] = []
      const why: string[] = []
      try {
        fates.push({
          by: 'nft',
          fate: vxlanFate(JSON.parse(await run('nft', ['-j', 'list', 'ruleset']))),
        })
      } catch (error) {
        why.push((error as Error).message)
      }
      for (const by of ['iptables-save', 'ip6tables-save'])
        await run(by, []).then(
          (text) => fates.push({ by, fate: xtablesFate(text) }),
          (error: Error) => why.push(error.message),
        )
      if (fates.length === 0) return [unknown(why.join('; '))]
      const todo =
        'let UDP 4789 in from other VTEPs: nft add rule inet filter input udp dport 4789 accept'
      const wrong = fates.flatMap(({ by, fate }) =>
        fate.passes === 'no'
          ? [bad(`${by}: ${fate.rule}`, todo)]
          : fate.passes === 'perhaps'
            ? [warn(`${by}: ${fate.rule} may drop it`, todo)]
            : [],
      )
      return orWell(wrong, `${fates.map(({ by }) => by).join(', ')}: nothing drops it`)
    },
  },
]

const holderOf = (links: readonly AddressedLink[], address: string): AddressedLink | undefined =>
  links.find(({ addr_info }) => addr_info.some(({ local }) => local === address))
