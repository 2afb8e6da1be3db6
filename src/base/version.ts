// What this program calls itself: the version of package.json, which a built package has at another place.
export const version = '0.1.0';
