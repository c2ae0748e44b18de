/** SVG as text: elements with attributes, everything escaped. Neighbours: draw.ts, fabric.ts. */

type Attributes = Readonly<Record<string, string | number>>

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
}
const escaped = (text: string): string => text.replace(/[&<>"]/g, (each) => ENTITIES[each] ?? each)

/** One element. @param inside markup, or text by `text()` */
export function element(name: string, attributes: Attributes, inside = ''): string {
  const written = Object.entries(attributes).map(([key, value]) => {
    return ` ${key}="${typeof value === 'number' ? Math.round(value * 10) / 10 : escaped(value)}"`
  })
  return inside === ''
    ? `<${name}${written.join('')}/>`
    : `<${name}${written.join('')}>${inside}</${name}>`
}

/** @param at baseline, in px  @param style a class of the picture's style sheet, or several */
export function text(content: string, at: { x: number; y: number }, style: string): string {
  return element('text', { ...at, class: style }, escaped(content))
}

export function line(
  from: { x: number; y: number },
  to: { x: number; y: number },
  attributes: Attributes,
): string {
  return element('line', { x1: from.x, y1: from.y, x2: to.x, y2: to.y, ...attributes })
}

/** The whole file. @param title what it shows, for those who cannot see it */
export function svg(
  { width, height }: { width: number; height: number },
  title: string,
  style: string,
  parts: readonly string[],
): string {
  const inside = [
    element('title', {}, escaped(title)),
    element('style', {}, style),
    element('rect', { width, height, fill: '#ffffff' }),
    ...parts,
  ]
  const box = { viewBox: `0 0 ${Math.round(width)} ${Math.round(height)}`, width, height }
  const root = { xmlns: 'http://www.w3.org/2000/svg', ...box, role: 'img' }
  return `${element('svg', root, `\n${inside.join('\n')}\n`)}\n`
}

/** The mean advance of these fonts at 12 px: a little too wide is a margin, too narrow would overlap. */
export const widthOf = (words: string): number => words.length * 6.9
