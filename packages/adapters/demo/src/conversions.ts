/** A unit: how many of its dimension's base unit one of it is, and what its zero is there. */
interface Unit {
  readonly dimension: string;
  readonly factor: number;
  readonly offset: number;
}

/** For each dimension, names with the size of the unit in the base unit. */
const sizes: Readonly<Record<string, readonly [names: string, factor: number, offset?: number][]>> = {
  length: [
    ["mm millimeter millimetre", 0.001],
    ["cm centimeter centimetre", 0.01],
    ["m meter metre", 1],
    ["km kilometer kilometre", 1000],
    ["in inch inches", 0.0254],
    ["ft foot feet", 0.3048],
    ["yd yard", 0.9144],
    ["mi mile", 1609.344],
  ],
  mass: [
    ["g gram", 0.001],
    ["kg kilo kilogram", 1],
    ["t ton tonne", 1000],
    ["oz ounce", 0.028349523125],
    ["lb pound", 0.45359237],
  ],
  volume: [
    ["ml milliliter millilitre", 0.001],
    ["l liter litre", 1],
    ["cup", 0.2365882365],
    ["gal gallon", 3.785411784],
  ],
  time: [
    ["ms millisecond", 0.001],
    ["s sec second", 1],
    ["min minute", 60],
    ["h hour", 3600],
    ["d day", 86_400],
    ["week", 604_800],
  ],
  speed: [
    ["m/s", 1],
    ["km/h kmh kph", 1 / 3.6],
    ["mph", 0.44704],
    ["kn knot", 1852 / 3600],
  ],
  temperature: [
    ["k kelvin", 1, 0],
    ["c °c celsius", 1, 273.15],
    ["f °f fahrenheit", 5 / 9, 459.67 * (5 / 9)],
  ],
};

/** The unit of that name, in singular or plural, or undefined. */
export function unitOf(name: string): Unit | undefined {
  const asked = name
    .trim()
    .toLowerCase()
    .replace(/^degrees? /, "");
  const singular = asked.length > 3 ? asked.replace(/s$/, "") : asked;
  for (const [dimension, units] of Object.entries(sizes)) {
    for (const [names, factor, offset = 0] of units) {
      const known = names.split(" ");
      if (known.includes(asked) || known.includes(singular)) return { dimension, factor, offset };
    }
  }
  return undefined;
}

/** The value in the other unit, or undefined where the two measure different things. */
export function convert(value: number, from: Unit, to: Unit): number | undefined {
  if (from.dimension !== to.dimension) return undefined;
  const base = value * from.factor + from.offset;
  return Number(((base - to.offset) / to.factor).toPrecision(8));
}
