/* The header by itself, twice, as C and as C++. */
#include "barews.h"
#include "barews.h"

static barews_server_config config;

int main(void);

int main(void) {
    barews_str text = BAREWS_STR("ws://example.com/");
    barews_uri uri;
    barews_server_settings settings;
    barews_server_settings_init(&settings);
    settings.origin = BAREWS_ORIGIN_SAME;
    return barews_server_config_init(&config, &settings) == BAREWS_OK && barews_uri_parse(text, &uri) == BAREWS_OK &&
                   uri.port == 80
               ? 0
               : 1;
}
