/** Documents with an underlay of links and routers, and their hosts as bare stations on it. */
import { parseDocument, type TopologyDocument } from '../../controller/model/document.ts'

/** @param underlay `lab.underlay` in YAML flow style @param hosts VTEP addresses, comma between both families */
export function documentOf(
  hosts: Readonly<Record<string, string>>,
  underlay: string,
): TopologyDocument {
  const lines = Object.entries(hosts).map(([id, text]) => {
    const [first, second] = text.split(',')
    const other = second === undefined ? '' : `, alternateVtepAddress: '${second}'`
    return `  ${id}: { vtepAddress: '${first}'${other}, underlayMtuBytes: 9050 }`
  })
  const text = [
    'underlay: { mtuBytes: 9050 }',
    'hosts:',
    ...lines,
    'lab:',
    `  underlay: ${underlay.replace(/\n */g, ' ')}`,
  ]
  return parseDocument(text.join('\n'), 'site.yaml')
}
