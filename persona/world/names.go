package world

// The tables below are this package's own; people and companies are made of them.

// firstNames are given names.
var firstNames = [...]string{
	"Aaliyah", "Aarav", "Abigail", "Adaeze", "Adam", "Adela", "Aditi", "Adrian", "Agnes", "Ahmed", "Aiko", "Aileen", "Akira",
	"Alan", "Alba", "Alberto", "Alejandra", "Alessia", "Alina", "Alistair", "Alma", "Amara", "Amelia", "Amir", "Ana", "Anders",
	"Andre", "Anika", "Anita", "Anton", "Anya", "Arash", "Aria", "Arjun", "Arlo", "Arthur", "Asha", "Astrid", "Aurora", "Ava",
	"Axel", "Ayaan", "Ayesha", "Beatriz", "Ben", "Bianca", "Bjorn", "Blanca", "Bram", "Brandon", "Brenda", "Bruno", "Caleb",
	"Callum", "Camila", "Carla", "Carmen", "Caroline", "Cecilia", "Cedric", "Celeste", "Chang", "Chiara", "Chidi", "Chloe", "Ciara",
	"Claire", "Clara", "Colin", "Connor", "Cora", "Cyrus", "Dalia", "Damian", "Dana", "Daniela", "Daria", "Darius", "David",
	"Deepa", "Delia", "Denise", "Derek", "Diego", "Dilan", "Dina", "Dominic", "Dora", "Duncan", "Edgar", "Edith", "Eduardo",
	"Eileen", "Elena", "Eli", "Elias", "Elif", "Elin", "Elise", "Eliza", "Ella", "Eloise", "Emeka", "Emil", "Emilia", "Emma",
	"Enrique", "Erik", "Esme", "Esther", "Ethan", "Eva", "Ezra", "Fabian", "Farah", "Fatima", "Felix", "Fernanda", "Fergus",
	"Filip", "Fiona", "Flora", "Florian", "Frances", "Freya", "Gabriel", "Gareth", "Gemma", "Georgia", "Gita", "Giulia", "Gloria",
	"Grace", "Greta", "Guillermo", "Gustav", "Hana", "Hanna", "Harper", "Harriet", "Hassan", "Heidi", "Helena", "Henrik", "Hideo",
	"Hugo", "Ian", "Ibrahim", "Ida", "Ifeoma", "Ilaria", "Imani", "Imogen", "Ines", "Ingrid", "Irene", "Iris", "Isaac", "Isla",
	"Ivan", "Ivy", "Jacob", "Jada", "Jaime", "Jakub", "Jamila", "Jan", "Jasmine", "Jasper", "Javier", "Jelena", "Jens", "Joanna",
	"Joel", "Johan", "Jonas", "Jorge", "Josefina", "Joy", "Judith", "Julian", "Juliet", "Jun", "Kaito", "Kamal", "Karen", "Karim",
	"Katarina", "Kavya", "Keiko", "Kenji", "Kerstin", "Khalid", "Kiran", "Klara", "Kofi", "Krzysztof", "Lana", "Lars", "Laszlo",
	"Latoya", "Laura", "Leandro", "Leila", "Lena", "Leo", "Leticia", "Levi", "Lian", "Liam", "Lidia", "Lila", "Linnea", "Lorenzo",
	"Lorna", "Louis", "Lucas", "Lucia", "Ludvig", "Luisa", "Luka", "Lydia", "Mabel", "Maeve", "Magnus", "Maja", "Malik", "Manuel",
	"Mara", "Marco", "Marek", "Margot", "Maria", "Mariam", "Marisol", "Marta", "Martin", "Mateo", "Matilda", "Maxime", "Maya",
	"Mei", "Mercy", "Mikael", "Milan", "Mina", "Mira", "Mireille", "Mohan", "Moira", "Monica", "Nadia", "Naomi", "Natalia",
	"Nathan", "Neha", "Nela", "Niamh", "Nico", "Nikhil", "Nina", "Noah", "Noor", "Nora", "Octavia", "Olga", "Oliver", "Olivia",
	"Omar", "Oscar", "Otto", "Owen", "Paloma", "Pascal", "Patricia", "Paula", "Pavel", "Pedro", "Petra", "Philippa", "Pia", "Piotr",
	"Pooja", "Priya", "Quentin", "Rachel", "Rafael", "Ragnar", "Rahul", "Ramona", "Rana", "Ravi", "Rebecca", "Reza", "Rhea", "Rina",
	"Robin", "Rohan", "Roman", "Rosa", "Rowan", "Roya", "Ruben", "Rupert", "Ruth", "Ryo", "Saanvi", "Sabine", "Sakura", "Salma",
	"Samir", "Sandra", "Sanjay", "Sara", "Saskia", "Sean", "Selma", "Sergei", "Shira", "Sienna", "Signe", "Silas", "Simone",
	"Sofia", "Soren", "Stefan", "Stella", "Sunita", "Svetlana", "Tadeo", "Talia", "Tamar", "Tanvi", "Tara", "Tariq", "Tatiana",
	"Teresa", "Thea", "Theo", "Thomas", "Tilda", "Tobias", "Tomas", "Toru", "Tove", "Uma", "Ursula", "Valentina", "Vanessa", "Vera",
	"Victor", "Vikram", "Vincent", "Violet", "Viktor", "Wanda", "Wei", "Wilhelmina", "Willa", "Xavier", "Ximena", "Yara", "Yasmin",
	"Yelena", "Yuki", "Yusuf", "Zadie", "Zahra", "Zain", "Zara", "Zeynep", "Zoe", "Zofia", "Zora",
}

// lastNames are family names.
var lastNames = [...]string{
	"Abara", "Abbott", "Abdi", "Abreu", "Acosta", "Adair", "Adeyemi", "Agarwal", "Aguirre", "Ahlberg", "Aikawa", "Albrecht",
	"Alcott", "Almeida", "Alvarado", "Amadi", "Andersson", "Ansah", "Antonov", "Arai", "Archer", "Arnold", "Arslan", "Asante",
	"Ashworth", "Atwood", "Avila", "Ayala", "Bailey", "Bakker", "Balogun", "Banerjee", "Barlow", "Barros", "Bartosz", "Baumann",
	"Beaumont", "Becker", "Bello", "Beltran", "Bennett", "Bergstrom", "Bhatt", "Bianchi", "Blackwood", "Blanchard", "Bogdan",
	"Boateng", "Bolton", "Borges", "Bosch", "Bouchard", "Bradshaw", "Brandt", "Briggs", "Brodsky", "Brun", "Buchanan", "Burke",
	"Byrne", "Caballero", "Calder", "Calloway", "Cameron", "Cardoso", "Carlsson", "Carrasco", "Castellano", "Cavendish",
	"Cervantes", "Chadwick", "Chandra", "Chau", "Chavez", "Cheng", "Chaudhry", "Choi", "Chopra", "Christensen", "Cisneros",
	"Clayton", "Coelho", "Cohen", "Colombo", "Conrad", "Cordova", "Correia", "Cowan", "Craig", "Crawford", "Crespo", "Cruz", "Dahl",
	"Dalton", "Darzi", "Das", "Davenport", "Delacroix", "Delgado", "Demir", "Desai", "Diallo", "Dietrich", "Dimitrov", "Dominguez",
	"Donnelly", "Dorsey", "Doyle", "Drummond", "Duarte", "Dubois", "Dufour", "Duran", "Eberhardt", "Edwards", "Egan", "Eklund",
	"Ekström", "Elliott", "Engel", "Erdogan", "Eriksen", "Escobar", "Espinoza", "Estrada", "Evans", "Faber", "Fairchild", "Farouk",
	"Faulkner", "Fernandes", "Ferrara", "Figueroa", "Fischer", "Fitzgerald", "Fleming", "Fontaine", "Forsberg", "Fournier",
	"Franco", "Fraser", "Friedman", "Fuentes", "Fujimoto", "Gallagher", "Galvez", "Garnier", "Garza", "Gauthier", "Geller",
	"Gentile", "Ghosh", "Gibbons", "Giordano", "Glover", "Goddard", "Gomes", "Goswami", "Graves", "Greco", "Grimaldi", "Grover",
	"Guerrero", "Gunnarsson", "Gupta", "Haas", "Haddad", "Hagen", "Hale", "Halvorsen", "Hamilton", "Hampton", "Hansen", "Harada",
	"Harrington", "Hartmann", "Hasegawa", "Hashimoto", "Hawkins", "Hayashi", "Heath", "Hegde", "Heikkinen", "Henriksen", "Herrera",
	"Hewitt", "Hidalgo", "Hinata", "Hoang", "Hoffmann", "Holloway", "Holm", "Horvath", "Howell", "Hughes", "Hussain", "Ibarra",
	"Igwe", "Imai", "Ingram", "Inoue", "Iqbal", "Irving", "Ishikawa", "Ivanov", "Iyer", "Jansen", "Jardine", "Jensen", "Jimenez",
	"Johansson", "Joshi", "Juarez", "Jung", "Kaminski", "Kapoor", "Karlsson", "Kaur", "Kavanagh", "Keller", "Kendrick", "Kerr",
	"Khoury", "Kimura", "Kipkemboi", "Kirby", "Klein", "Kobayashi", "Koch", "Kowalski", "Kramer", "Krishnan", "Kruger", "Kumar",
	"Kuznetsov", "Lachance", "Lam", "Lambert", "Lange", "Larsen", "Lavoie", "Leclerc", "Legrand", "Lehmann", "Leone", "Levitt",
	"Lim", "Lindgren", "Lombardi", "Longo", "Lopes", "Lozano", "Lund", "Macdonald", "Machado", "MacLeod", "Maddox", "Mahmood",
	"Malhotra", "Mancini", "Marchetti", "Marin", "Marquez", "Mascarenhas", "Matsuda", "Mbeki", "McAllister", "McBride", "McCarthy",
	"McKenna", "Medina", "Mehta", "Melnyk", "Mendes", "Mensah", "Mercado", "Meyer", "Mikkelsen", "Miranda", "Mishra", "Mizuno",
	"Moberg", "Molina", "Montoya", "Moreau", "Moretti", "Mukherjee", "Munro", "Murakami", "Murphy", "Mwangi", "Nair", "Nakagawa",
	"Navarro", "Nayar", "Ndiaye", "Neumann", "Ngata", "Nguyen", "Nielsen", "Nkosi", "Nolan", "Nordin", "Novak", "Nowak", "Nwosu",
	"Oakley", "Obi", "Ochoa", "Oduya", "Okafor", "Okonkwo", "Olsen", "Olivares", "Onwudiwe", "Orellana", "Ortega", "Osei",
	"Osborne", "Otieno", "Ozturk", "Pacheco", "Padilla", "Palmer", "Pappas", "Paredes", "Park", "Patel", "Pavlov", "Pearce",
	"Pedersen", "Pellegrini", "Peralta", "Persson", "Petrov", "Pham", "Piazza", "Pillai", "Pinto", "Plummer", "Popescu", "Prasad",
	"Prescott", "Quigley", "Quintero", "Rademaker", "Raghavan", "Rahman", "Ramos", "Rasmussen", "Rautio", "Redmond", "Reinhardt",
	"Renaud", "Reyes", "Ribeiro", "Ricci", "Richter", "Rinaldi", "Rivas", "Rocha", "Rojas", "Romano", "Rosenthal", "Rousseau",
	"Rowland", "Rossi", "Ruiz", "Russo", "Rutherford", "Saavedra", "Sadik", "Saito", "Salazar", "Salgado", "Sandoval", "Santoro",
	"Sasaki", "Sato", "Savage", "Schaefer", "Schmitt", "Schreiber", "Schroeder", "Seidel", "Serrano", "Shah", "Shapiro", "Sheridan",
	"Shimizu", "Silva", "Simmons", "Sinclair", "Singh", "Sjöberg", "Skinner", "Soares", "Sokolov", "Solberg", "Sorensen", "Soto",
	"Spencer", "Srinivasan", "Stafford", "Stark", "Stein", "Sterling", "Stokes", "Strand", "Suarez", "Sundberg", "Sutherland",
	"Suzuki", "Svensson", "Szabo", "Tadesse", "Takeda", "Talbot", "Tanaka", "Tavares", "Thakur", "Thibault", "Thornton", "Tiwari",
	"Toivonen", "Torres", "Tran", "Trujillo", "Tsai", "Tucker", "Turan", "Uchida", "Ueda", "Underwood", "Urbina", "Valdez",
	"Valentine", "Vance", "Vargas", "Vasquez", "Venkatesan", "Verma", "Vidal", "Vieira", "Villanueva", "Vogel", "Volkov", "Wagner",
	"Wakefield", "Walsh", "Watanabe", "Weber", "Weiss", "Wells", "Wendt", "Werner", "Westergaard", "Whitaker", "Wilkins", "Winter",
	"Wojcik", "Woodward", "Wyatt", "Yadav", "Yamada", "Yates", "Yeung", "Yildiz", "Yoder", "York", "Youssef", "Zamora", "Zapata",
	"Zeller", "Zhou", "Zielinski", "Zimmermann",
}

// heads are opening syllables of coined names.
var heads = [...]string{
	"al", "am", "an", "ar", "as", "at", "av", "bal", "bar", "bel", "ber", "bor", "bra", "bre", "bri", "cal", "can", "car", "cel",
	"cer", "cor", "cra", "dal", "dan", "dar", "del", "den", "dor", "dra", "el", "em", "en", "er", "fal", "fan", "fen", "fer", "fi",
	"fol", "gal", "gan", "gar", "gel", "gra", "hal", "han", "har", "hel", "hex", "in", "ir", "jan", "jul", "ka", "kal", "kar",
	"kel", "ken", "kin", "kor", "la", "lan", "lar", "le", "lin", "lor", "lu", "mal", "man", "mar", "mel", "mer", "mi", "mor", "na",
	"nar", "nel", "no", "nor", "ol", "om", "or", "os", "pal", "par", "pel", "pen", "per", "pol", "pra", "quar", "quel", "quil",
	"quin", "ra", "ran", "rel", "ren", "ri", "rol", "ros", "sa", "sal", "san", "sel", "sen", "ser", "sil", "sol", "sor", "ste",
	"sto", "ta", "tal", "tan", "tar", "tel", "ten", "ter", "tor", "tra", "tri", "ul", "um", "va", "val", "van", "var", "vel", "ven",
	"ver", "vi", "vol", "wel", "wil", "xan", "ya", "yor", "za", "zel", "zen", "zor",
}

// middles are middle consonants of coined names.
var middles = [...]string{
	"b", "bl", "br", "c", "d", "dr", "dw", "f", "g", "gr", "k", "l", "ll", "m", "mb", "mp", "n", "nd", "ng", "nn", "nt", "p", "pl",
	"pr", "r", "rr", "s", "sk", "st", "t", "tr", "tt", "v", "vr", "z",
}

// tails are closing syllables of coined names.
var tails = [...]string{
	"a", "abel", "ade", "ago", "ai", "al", "alo", "an", "ance", "andra", "ane", "ano", "ara", "ary", "asa", "ata", "ea", "ec", "el",
	"ela", "elis", "ello", "en", "enda", "enia", "ent", "eo", "era", "erra", "esk", "eta", "exa", "ia", "iam", "ian", "ica", "ico",
	"ida", "iel", "ien", "igo", "ila", "illo", "im", "in", "ina", "io", "ion", "ira", "is", "ita", "ium", "ivo", "ix", "iza", "o",
	"oda", "ola", "olo", "ona", "onic", "ora", "oric", "oro", "ory", "osa", "oso", "ova", "ovia", "oxa", "ua", "ula", "um", "una",
	"uno", "ura", "us", "uvo",
}

// nouns are plain nouns for names of things.
var nouns = [...]string{
	"anchor", "arbor", "atlas", "aurora", "badger", "barge", "basalt", "beacon", "birch", "bison", "bramble", "breeze", "brook",
	"buoy", "cairn", "canyon", "cargo", "cedar", "cinder", "cobalt", "comet", "copper", "coral", "cove", "crane", "crest",
	"current", "cypress", "dale", "dawn", "delta", "drift", "dune", "eagle", "ember", "estuary", "falcon", "fathom", "fern",
	"fjord", "flint", "forge", "fox", "garnet", "glacier", "granite", "grove", "gull", "harbor", "hazel", "heath", "heron",
	"hollow", "ibis", "indigo", "iron", "island", "ivory", "jasper", "juniper", "kestrel", "kite", "lagoon", "lantern", "larch",
	"lark", "laurel", "ledge", "lichen", "linden", "lodge", "lynx", "magnet", "maple", "marlin", "marsh", "meadow", "merlin",
	"mesa", "mica", "mint", "moss", "nectar", "north", "oak", "oasis", "obsidian", "ocean", "onyx", "opal", "orbit", "orchard",
	"osprey", "otter", "oxbow", "pebble", "pelican", "pine", "plover", "prairie", "prism", "quarry", "quartz", "raven", "reef",
	"ridge", "river", "robin", "rook", "rowan", "saffron", "sage", "sequoia", "shale", "shore", "signal", "silver", "slate",
	"sparrow", "spruce", "starling", "stone", "summit", "swift", "tamarack", "teal", "tern", "thicket", "thistle", "tide", "timber",
	"topaz", "tundra", "vale", "vega", "violet", "walnut", "warbler", "water", "wharf", "willow", "wren", "yarrow", "zenith",
	"zephyr",
}

// trades are what a company's second name may say it does.
var trades = [...]string{
	"Aerospace", "Analytics", "Apparel", "Automation", "Aviation", "Biologics", "Biotech", "Brands", "Building", "Capital", "Care",
	"Ceramics", "Chemical", "Components", "Construction", "Consulting", "Controls", "Dental", "Diagnostics", "Distribution",
	"Dynamics", "Electric", "Electronics", "Energy", "Engineering", "Equipment", "Fabrication", "Farms", "Finance", "Financial",
	"Foods", "Freight", "Furnishings", "Gas", "Glass", "Hardware", "Health", "Healthcare", "Hospitality", "Hotels", "Industries",
	"Instruments", "Insurance", "Interiors", "Labs", "Leasing", "Lighting", "Logistics", "Machinery", "Maritime", "Markets",
	"Materials", "Media", "Medical", "Metals", "Mobility", "Motors", "Networks", "Optics", "Packaging", "Paper", "Partners",
	"Pharma", "Plastics", "Power", "Precision", "Properties", "Rail", "Realty", "Robotics", "Science", "Security", "Semiconductor",
	"Services", "Shipping", "Software", "Solar", "Steel", "Storage", "Supply", "Systems", "Technologies", "Telecom", "Textiles",
	"Therapeutics", "Tools", "Trading", "Transport", "Travel", "Utilities", "Ventures", "Water", "Wellness",
}

// cities are cities for addresses.
var cities = [...]string{
	"Aberdeen|GB", "Albany|US", "Antwerp|BE", "Austin|US", "Baltimore|US", "Basel|CH", "Belfast|GB", "Bergen|NO", "Bilbao|ES",
	"Boise|US", "Boston|US", "Bristol|GB", "Brno|CZ", "Calgary|CA", "Cardiff|GB", "Charlotte|US", "Chicago|US", "Cleveland|US",
	"Cologne|DE", "Columbus|US", "Cork|IE", "Dallas|US", "Denver|US", "Detroit|US", "Dresden|DE", "Dublin|IE", "Edinburgh|GB",
	"Eindhoven|NL", "Fresno|US", "Gdansk|PL", "Geneva|CH", "Ghent|BE", "Glasgow|GB", "Gothenburg|SE", "Graz|AT", "Halifax|CA",
	"Hamburg|DE", "Hartford|US", "Houston|US", "Leeds|GB", "Leipzig|DE", "Lille|FR", "Linz|AT", "Lisbon|PT", "Lyon|FR",
	"Madison|US", "Malmo|SE", "Manchester|GB", "Memphis|US", "Miami|US", "Milwaukee|US", "Montreal|CA", "Munich|DE", "Nantes|FR",
	"Nashville|US", "Newcastle|GB", "Oakland|US", "Omaha|US", "Oslo|NO", "Ottawa|CA", "Phoenix|US", "Pittsburgh|US", "Porto|PT",
	"Portland|US", "Poznan|PL", "Raleigh|US", "Reno|US", "Richmond|US", "Rotterdam|NL", "Sacramento|US", "Seattle|US",
	"Sheffield|GB", "Spokane|US", "Stockholm|SE", "Tacoma|US", "Tampa|US", "Toledo|US", "Toronto|CA", "Toulouse|FR", "Trieste|IT",
	"Tucson|US", "Turin|IT", "Utrecht|NL", "Valencia|ES", "Vancouver|CA", "Verona|IT", "Victoria|CA", "Winnipeg|CA", "Wroclaw|PL",
	"Zurich|CH",
}
